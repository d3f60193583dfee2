# ruff: noqa: E501  # one line a kind of word
"""Everyday English by theme, for the embedding model: words on one stroke mean about the same.

Each theme has three lines: things, actions, qualities. Commas part the meanings of a line; the
words of one meaning are near-synonyms (an underscore stands for a space). Written by hand for this
repository.
"""

from __future__ import annotations

import dataclasses

THEMES = {
    "home": """house home dwelling residence, flat apartment, roof, kitchen cooker, stove oven, fridge refrigerator freezer, sink basin, tap faucet, bathroom toilet lavatory washroom, shower bath, bedroom, bed mattress, pillow cushion, blanket duvet quilt, sofa couch settee, armchair, carpet rug mat, curtain blind, lamp light bulb, switch, socket plug outlet, heater radiator heating boiler, chimney fireplace, attic loft, cellar basement, garage, shed, balcony terrace patio, stairs steps staircase, lift elevator, corridor hallway passage, door entrance, key lock padlock, window pane, shelf rack, cupboard cabinet wardrobe closet, drawer, towel, laundry washing, iron, vacuum hoover, broom mop, bucket pail, dust dirt grime, rubbish trash garbage waste litter, bin dustbin, compost, recycling, tenant lodger renter, landlord landlady owner, neighbour
        live dwell reside stay, rent lease let, clean tidy scrub wipe sweep, wash rinse, furnish, decorate paint, heat warm, lock bolt, move relocate, throw_away discard dispose, tidy, leak drip, switch_on turn_on, switch_off turn_off
        cosy comfortable snug, tidy neat orderly, messy untidy, dirty filthy grubby, spacious roomy, furnished, upstairs, downstairs, indoor inside, outdoor outside""",
    "food": """food meal dish, breakfast, lunch, dinner supper, snack, recipe, ingredient, bread loaf toast, roll bun, dough, flour, butter margarine, cheese, milk, cream, yoghurt, egg, meat, beef steak, pork bacon ham, chicken poultry, lamb mutton, sausage, fish, salmon, tuna, prawn shrimp, vegetable, potato, tomato, onion, garlic, carrot, cabbage, lettuce salad, bean, pea, lentil, mushroom, pepper, pumpkin squash, fruit, apple, pear, plum, cherry, berry strawberry raspberry, lemon lime, orange, banana, grape raisin, nut almond walnut, rice, pasta noodles spaghetti, soup broth, stew casserole, sauce gravy, pie, cake sponge, biscuit cookie, pancake, jam marmalade, honey, sugar, salt, spice herb, vinegar, oil, chocolate cocoa, sweets candy, ice_cream, tea, coffee espresso, juice, water, beer ale, wine, drink beverage, pot saucepan, pan, bowl, plate, cup mug, glass, knife, fork, spoon, spatula, tray, oven, restaurant cafe bistro diner, menu, chef cook, waiter waitress server, customer diner guest, portion serving, allergy, vegetarian vegan, flavour taste, yeast, leftovers
        cook prepare make, bake, fry, boil simmer, roast grill, chop cut slice dice, stir mix blend, knead, peel, pour, serve, eat consume dine, drink sip, taste, season, freeze, thaw defrost, chill cool, store keep, rise, order, spill
        delicious tasty, sweet sugary, sour acidic, bitter, salty, spicy hot, fresh, stale mouldy rotten, raw uncooked, ripe, hungry, thirsty, hot warm, frozen""",
    "garden": """garden, plant, flower bloom blossom, rose, tulip, lavender, bush shrub hedge, tree, branch, leaf foliage, root, seed, bulb, seedling sapling, lawn grass turf, weed, soil earth ground, mud, sand, gravel, compost manure fertiliser, greenhouse conservatory, bed plot allotment, orchard, spade shovel, fork rake, hoe, shears secateurs, lawnmower mower, hose sprinkler, watering_can, wheelbarrow, fence, gate, pond, pest slug snail aphid, bee, hive, butterfly, worm, bird_feeder, gardener, harvest crop yield, vine, moss, fern, cactus
        grow cultivate, plant sow, water irrigate, weed, prune trim cut, mow, dig, rake, harvest pick gather, fertilise feed, transplant repot, wither wilt, bloom flower blossom, spread, compost
        green, leafy, blooming, sunny bright, shady shaded, dry arid, damp moist wet, fertile rich, evergreen, wild, thorny prickly""",
    "office": """office workplace, desk, chair, computer laptop pc, printer, scanner copier photocopier, ink toner cartridge, paper sheet, stapler, folder binder file, document paper record, form, report, letter, email mail message, envelope, stamp, parcel package packet, post, phone telephone, meeting conference gathering, agenda, minutes notes, calendar diary, deadline due_date, project, task job assignment, team crew group, manager supervisor boss head, director executive chief, secretary assistant, receptionist, reception front_desk, colleague coworker, employee worker staff personnel, employer, client customer, visitor guest, department division unit section, company firm business, branch, contract agreement, signature, holiday vacation leave, absence, sick_leave, overtime, shift rota schedule, break, salary wage pay, bonus, training course, interview, application, candidate applicant, job position post role, career, pension retirement, badge pass, locker, supplies stationery
        work, manage lead run supervise direct, hire employ recruit appoint, fire dismiss sack, resign quit, retire, promote, train instruct, attend, meet gather, arrange organise plan, schedule, postpone delay, cancel call_off, sign, print, copy duplicate, scan, send post mail, receive get, reply answer respond, ask request, report, submit hand_in, approve authorise permit allow, reject refuse decline, apply, delegate, remind, file, staple
        busy occupied, urgent pressing, absent away, present, late overdue, punctual, professional, responsible in_charge, temporary, permanent, full-time, part-time, annual yearly, monthly, weekly, daily""",
    "money": """money cash, price cost fee charge rate fare, payment, bill invoice, receipt, bank, account, loan credit mortgage, interest, debt, deposit, fine penalty, refund, discount reduction, sale offer bargain, budget, expense spending, income earnings revenue, profit gain, loss, tax, insurance, savings, investment, share, coin, note, purse wallet, card, cheque, cashier till checkout, currency, euro, dollar, pound, cent, donation gift, grant subsidy, tip, ticket, subscription membership, treasurer accountant, shop store, market, shopper buyer, seller vendor trader, goods merchandise products, order purchase, delivery, voucher coupon, guarantee warranty
        pay settle, cost, buy purchase, sell, spend, save, borrow, lend loan, owe, earn, charge, refund reimburse repay, donate give contribute, invest, exchange swap, return, invoice, claim, insure, withdraw, transfer, afford, discount
        cheap inexpensive affordable, expensive costly dear, free, paid, unpaid, rich wealthy, poor, valuable precious, worthless""",
    "travel": """trip journey travel tour, holiday vacation, train railway, station, platform, bus coach, stop, tram, underground metro subway, car automobile vehicle, taxi cab, lorry truck, van, motorbike motorcycle, bicycle bike cycle, boat ship vessel, ferry, harbour port dock, airport, plane aircraft aeroplane, flight, pilot, driver, passenger traveller, ticket, timetable schedule, luggage baggage suitcase, passport visa, border customs, hotel inn, hostel, guest_house, campsite tent, room, booking reservation, map, guide guidebook, route way, road street, motorway highway, bridge, tunnel, crossing junction, traffic, parking car_park, petrol fuel gas diesel, charger, tyre wheel, engine motor, brake, helmet, seat_belt, tourist sightseer, beach shore coast, island, mountain hill peak, valley, lake, river stream, forest wood, path trail footpath, desert, village, town, city, capital, country, abroad, souvenir, distance, speed, departure, arrival, delay
        travel journey, drive, ride, sail, fly, walk hike stroll, cycle, depart leave set_off, arrive reach, return come_back, visit, explore, book reserve, pack, unpack, park, cross, board, miss, wait, turn, stop, land, camp, refuel fill_up, hitch
        distant far remote, near close nearby, foreign, scenic, crowded, direct, single, steep, straight, slow, fast quick rapid, early, late delayed""",
    "health": """health, doctor physician gp, nurse, dentist, surgeon, vet, pharmacist chemist pharmacy, hospital clinic surgery, ambulance, patient, illness disease sickness, cold flu, fever temperature, cough, headache migraine, pain ache, injury wound, cut, burn, fracture, infection, allergy, rash, vaccine vaccination jab injection, medicine drug medication, tablet pill, dose, prescription, bandage plaster dressing, first_aid, emergency, operation, check-up examination, appointment, diet, exercise fitness, sleep rest, stress, weight, blood, pressure, heart, lung, stomach, skin, bone, muscle, tooth, eye sight, ear hearing, throat, glasses spectacles, wheelchair, pregnancy, baby infant, birth, death, smoker, vitamin, hygiene
        heal cure recover, treat, hurt ache, injure wound, bleed, cough sneeze, faint, breathe, swallow, examine check, prescribe, vaccinate, rest relax, sleep, exercise, bandage, infect, smoke, diagnose
        healthy fit well, ill sick unwell, painful sore, dizzy, tired exhausted, contagious infectious, swollen, allergic, pregnant, disabled, blind, deaf, weak, strong""",
    "school": """school, university college, kindergarten nursery, class lesson, classroom, teacher tutor instructor, pupil student, professor lecturer, principal headteacher, homework, exam test examination, grade mark score, certificate diploma degree, subject, maths mathematics, science, physics, chemistry, biology, history, geography, language, grammar, spelling, reading, writing, essay, textbook, notebook exercise_book, pen pencil, rubber eraser, ruler, blackboard whiteboard, library, librarian, book novel, author writer, page, chapter, story tale, poem, dictionary, term semester, timetable, playground, canteen, uniform, scholarship, research study, lecture, knowledge, question query, answer reply response, mistake error, example, course, enrolment registration
        learn study, teach educate, read, write, spell, count calculate, draw, revise, pass, fail, explain, understand, remember, forget, borrow, return, enrol register sign_up, graduate, translate, correct, practise, mark grade
        clever intelligent smart, difficult hard tough, easy simple, correct right, wrong incorrect false, educational, written, oral, compulsory mandatory required obligatory, optional voluntary""",
    "technology": """computer machine, software program application, app, website site page, internet web network, wifi, router modem, cable wire lead, server, database, file, folder directory, backup, password passcode, login username, account, user, screen monitor display, keyboard, mouse, button, icon, menu, browser, link, download, update upgrade, version release, bug fault defect, virus, error, crash failure, memory storage disk drive, battery, charger, camera, photo picture image, video film, printer, phone smartphone mobile, tablet, headphones, speaker loudspeaker, microphone, radio, television tv, sensor, robot, code, developer programmer, administrator, helpdesk support, setting option configuration, data information, message notification alert, key, tool, device gadget appliance
        install set_up, uninstall remove, download, upload, click press, type, search look_up, log_in sign_in, log_out, restart reboot, crash fail, update upgrade, save, delete erase, copy, back_up, connect, disconnect, charge, encrypt, configure, test, run, record, share, block, reset
        digital electronic, online, offline, wireless, automatic, manual, secure safe, broken faulty defective, compatible, encrypted, public, private, remote, portable""",
    "repair": """tool, hammer, nail, screw, screwdriver, drill, saw, spanner wrench, pliers, axe, ladder, rope string, glue adhesive, tape, paint varnish, brush, roller, wood timber, plank board, brick, stone, concrete cement, tile, metal, steel iron, pipe, valve, pump, filter, gasket seal, bolt nut, hinge, spring, gear, oil grease lubricant, rust corrosion, crack, leak, hole, workshop, plumber, electrician, carpenter joiner, builder, mechanic, locksmith, fuse fusebox, wire, motor, belt, blade, spare part component, maintenance servicing, inspection, repair, instruction manual handbook, measurement, length, width, height, depth, thickness
        repair fix mend, build construct, install fit, replace change swap, measure, drill, screw, hammer, saw, glue stick, paint, sand, tighten, loosen, oil lubricate grease, clean, inspect check examine, service maintain, test, dismantle take_apart, assemble put_together, weld, bend, crack, break, rust, block clog
        broken damaged, loose, tight, rusty, sharp, blunt, waterproof, spare, worn, solid sturdy, fragile delicate, wooden, blocked clogged, leaky""",
    "weather": """weather, climate, rain shower drizzle, snow, ice, frost, hail, fog mist, cloud, sun sunshine, wind breeze, storm gale, thunder, lightning, flood, drought, heat, cold, temperature, degree, forecast, season, spring, summer, autumn fall, winter, umbrella, raincoat, thermometer, barometer, rainbow, sunrise dawn daybreak, sunset dusk, sky, moon, star, planet, earth world, telescope, tide, wave
        rain pour, snow, freeze, melt thaw, blow, shine, rise, fall, flood, forecast predict
        cloudy overcast, sunny clear, windy breezy, stormy, foggy misty, rainy wet, freezing icy cold, mild, hot, humid""",
    "safety": """fire blaze, smoke, alarm siren, extinguisher, exit way_out, emergency, evacuation, assembly_point, police officer, firefighter, guard security, thief burglar, theft burglary robbery, crime, law rule regulation, court, judge, lawyer attorney solicitor, witness, prison jail, permit licence permission, ban prohibition, danger hazard risk, accident, injury, warning caution, sign notice, helmet, gloves, goggles, mask, boots, rescue, first_aider, insurance, inspection, password, camera, key_holder, lost_property, poison toxin, chemical, explosion, electricity power current, gas
        evacuate leave, escape flee, warn, protect guard, rescue save, report, call phone ring, steal rob, arrest, forbid ban prohibit, permit allow, obey follow, break violate, extinguish put_out, lock, sound, assemble gather, inspect, punish
        safe secure, dangerous hazardous risky, poisonous toxic, forbidden banned prohibited, legal lawful, illegal, flammable, emergency, strict, guilty, innocent""",
    "leisure": """sport, game, match, team, player, coach trainer, referee, goal, ball, football soccer, tennis, basketball, swimming, pool, race marathon, runner, cycling, skiing, climbing, chess, card, board_game, toy, puzzle, music, song tune, band orchestra, choir, singer, musician, guitar, piano, violin, drum, flute, concert gig, theatre, play drama, actor actress, stage, film movie, cinema, ticket, museum gallery, exhibition exhibit display, painting picture, artist painter, sculpture statue, photograph, dance ballet, party celebration, birthday, wedding, festival fair, prize award trophy, winner champion, club society association, member, membership, volunteer helper, hobby pastime, craft, knitting, sewing needle thread, pottery, fishing, hunting, camping, hiking, picnic, barbecue, playground, park, zoo, circus, competition contest tournament, season, training practice, rehearsal, instrument, audience spectator, evening, weekend
        play, win, lose, score, train practise, run jog, swim, jump leap, throw toss, catch, kick, climb, ski, skate, sing, dance, perform, rehearse, act, paint, draw sketch, photograph, knit, sew stitch, fish, celebrate, join, compete, cheer, collect, watch, listen, enjoy like love, invite, relax
        funny amusing, boring dull, exciting thrilling, famous well-known, popular, musical, artistic, creative, athletic, amateur, popular, noisy loud, quiet silent""",
    "people": """person human, man gentleman, woman lady, child kid, boy, girl, baby, adult grown-up, teenager youth, family, parent, mother mum mom, father dad, sister, brother, son, daughter, husband, wife, uncle, aunt, cousin, grandmother grandma granny, grandfather grandpa, friend pal mate, neighbour, stranger, guest visitor, host, leader, mayor, president chairman chairwoman chair, founder, member, citizen resident inhabitant, name, surname, address, birthday, age, marriage, funeral, language, nationality, religion church, priest vicar, character, habit, idea thought, opinion view, feeling emotion, love, fear, anger, joy happiness, dream, promise, secret, lie, joke, conversation talk chat, argument quarrel dispute, help assistance aid, advice tip guidance, complaint, apology, decision, reason cause, problem trouble difficulty, solution, contact
        meet, know, love, hate, marry, help assist aid support, speak talk, say tell, shout, whisper, listen, laugh, smile, cry weep, think believe, decide choose, agree, disagree, promise, complain, apologise, thank, invite, visit, greet, introduce, contact reach, trust, found establish start, lead head chair, born, die, raise bring_up, name call
        young, old elderly, tall, short, kind friendly nice, rude, polite, happy glad pleased, sad unhappy, angry furious cross, afraid scared frightened, lonely, shy, brave, lazy, honest, married, single, famous, retired""",
    "animals": """animal creature, pet, dog puppy, cat kitten, horse pony, cow cattle, sheep, goat, pig, hen chicken rooster, duck, goose, rabbit, hamster, mouse rat, bird, parrot, owl, eagle, fox, wolf, bear, deer, squirrel, hedgehog, frog toad, snake, lizard, turtle tortoise, fish, shark, whale, dolphin, insect, ant, fly, spider, mosquito, elephant, lion, tiger, monkey, penguin, nest, cage, stable, kennel, aquarium, farm, farmer, field meadow pasture, barn, hay straw, wool fleece, feather, fur, tail, wing, paw, collar leash lead, breed species kind, herd flock, shepherd, tractor, milk, egg
        feed, bark, bite, scratch, fly, swim, crawl, hunt, breed, milk, shear, groom brush, walk, lay, hatch, migrate, hibernate, tame train, adopt
        tame, wild, hungry, furry, domestic, extinct, rare, nocturnal""",
    "things": """clock watch, time hour, minute, day, week, month, year, century, morning, noon midday, afternoon, evening, night, midnight, today, tomorrow, yesterday, beginning start, end finish, middle centre, top, bottom, side, corner, edge, front, back rear, left, right, north, south, east, west, place location spot site, area region district, space, size, length, weight, amount quantity, number figure, half, quarter, dozen, pair couple, part piece, list, box container crate, bag sack, bottle, jar, can tin, basket, barrel, label tag, colour, red, blue, green, yellow, black, white, brown, grey, pink, purple, shape, circle ring, square, line, material, glass, plastic, leather, cloth fabric, cotton, silk, rubber, cardboard, gold, silver, copper, coat jacket, shirt, trousers, dress, skirt, shoe boot, sock, hat cap, scarf, glove, belt, pocket, button, zip, jewel, ring, mirror, candle, match, toothbrush, soap, shampoo, scissors, needle, umbrella, newspaper, magazine, history past, future, war battle, peace, king, queen, castle, church, tower, ruin, treasure, event, change, purpose aim, way method, result outcome, difference, limit maximum, minimum, rule, exception, opening, closing, visit, stock supply, capacity, code, floor storey level, hall, building, wing, canteen
        open, close shut, begin start, end finish stop, last take, keep store, put place, take, bring fetch, carry, hold, lift raise, drop, push, pull, turn, move, find discover locate, lose, look_for search seek, hide, show, see notice, look, hear, smell, feel touch, use, need require, want wish, get obtain, give hand, share, contain include hold, fill, empty, join attach fasten, separate divide, add, remove take_off, increase grow rise, decrease reduce fall, change alter, happen occur take_place, wear, dress, wait, try attempt, create make produce, design, invent, name, fold, wrap, tie, dry, burn, hang, weigh, count, choose pick select, deliver
        big large huge, small little tiny, long, short, high tall, low, wide broad, narrow, thick, thin slim, heavy, light, full, empty, new, old ancient, modern, hot, cold, dry, wet, hard, soft, clean, dark, bright, beautiful pretty lovely, ugly, good great excellent, bad poor terrible, important main, different, same, special, normal usual ordinary, strange odd weird, necessary essential, possible, available, open, closed shut, first, last final, next, extra additional, allowed permitted, lost missing, ready, round, flat, rough, smooth, whole complete entire, real genuine, fake""",
}  # fmt: skip

IRREGULAR = {
    "go": "went gone going", "come": "came coming", "see": "saw seen", "get": "got getting", "give": "gave given giving",
    "take": "took taken taking", "make": "made making", "say": "said", "tell": "told", "know": "knew known", "think": "thought",
    "find": "found finding", "begin": "began begun beginning", "run": "ran running", "write": "wrote written writing",
    "speak": "spoke spoken", "buy": "bought", "bring": "brought", "sell": "sold", "pay": "paid", "keep": "kept", "sleep": "slept",
    "leave": "left leaving", "lose": "lost losing", "meet": "met", "send": "sent", "spend": "spent", "build": "built", "lend": "lent",
    "eat": "ate eaten", "drink": "drank drunk", "drive": "drove driven driving", "ride": "rode ridden riding", "rise": "rose risen rising",
    "fly": "flew flown flies", "grow": "grew grown", "throw": "threw thrown", "blow": "blew blown", "draw": "drew drawn",
    "wear": "wore worn", "break": "broke broken", "steal": "stole stolen", "choose": "chose chosen", "freeze": "froze frozen",
    "swim": "swam swum", "sing": "sang sung", "ring": "rang rung", "teach": "taught", "catch": "caught", "fight": "fought",
    "hold": "held", "hang": "hung", "hear": "heard", "feel": "felt", "feed": "fed", "bleed": "bled", "lead": "led", "win": "won",
    "stand": "stood", "understand": "understood", "learn": "learnt", "burn": "burnt", "smell": "smelt", "hide": "hid hidden",
    "bite": "bit bitten", "forget": "forgot forgotten", "fall": "fell fallen", "lie": "lay lain lying", "shine": "shone",
    "stick": "stuck", "dig": "dug digging", "mow": "mown", "shake": "shook shaken", "wake": "woke woken", "seek": "sought",
    "man": "men", "woman": "women", "child": "children", "foot": "feet", "tooth": "teeth", "mouse": "mice", "goose": "geese",
    "person": "people", "knife": "knives", "shelf": "shelves", "leaf": "leaves", "loaf": "loaves", "wife": "wives", "life": "lives",
    "thief": "thieves", "wolf": "wolves", "half": "halves", "put": "put putting", "cut": "cut cutting", "set": "set setting", "hit": "hit hitting", "shut": "shut shutting", "let": "let letting",
    "cost": "cost", "read": "read", "spread": "spread", "hurt": "hurt", "good": "better best", "bad": "worse worst", "far": "further farther",
}  # fmt: skip

STOP_WORDS = (  # noqa: SIM905  # a text of words reads better
    "a an the this that these those i you he she it we they me him her us them my your his its "
    "our their mine yours one ones who whom whose which what when where why how is are was were "
    "be been being am has have had having do does did doing done will would can could shall "
    "should may might must and or but nor so because if then than as while until of in on at by "
    "for from to with without about into onto over under between through during before after "
    "above below up down out off again further there here not no yes all any both each few more "
    "most other some such only own same too very just also even ever please tell me s t d ll m re "
    "ve let us there's anyone anybody someone somebody something anything everyone everything "
    "nobody nothing many much often usually normally always never sometimes"
).split()


@dataclasses.dataclass(frozen=True)
class Theme:
    """A theme's meanings: each is a tuple of near-synonyms, its most common word first."""

    things: tuple[tuple[str, ...], ...]
    actions: tuple[tuple[str, ...], ...]
    qualities: tuple[tuple[str, ...], ...]

    def meanings(self) -> tuple[tuple[str, ...], ...]:
        """All meanings of the theme."""
        return self.things + self.actions + self.qualities


def _meanings(line: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(w.replace("_", " ") for w in part.split()) for part in line.split(","))


LEXICON = {
    name: Theme(*(_meanings(line) for line in text.split("\n"))) for name, text in THEMES.items()
}


def verb_forms(verb: str) -> list[str]:
    """Return the plain form, third person, past forms and -ing form of a verb.

    They follow spelling rules and `IRREGULAR`.
    """
    first, _, rest = verb.partition(" ")
    irregular = IRREGULAR.get(first, "").split()
    vowels = [c in "aeiou" for c in first]
    short = sum(vowels) == 1 and vowels[-2] and first[-1] not in "wxy"  # stop, stopped
    root = first[:-1] if first.endswith("e") else first + first[-1] if short else first
    soft_y = first.endswith("y") and first[-2] not in "aeou"
    forms = [
        first,
        first[:-1] + "ies"
        if soft_y
        else first + ("es" if first[-2:] in {"ch", "sh", "ss"} or first[-1] in "xo" else "s"),
    ]
    forms += [w for w in irregular if not w.endswith("ing")] or [
        first[:-1] + "ied" if soft_y else root + "ed"
    ]
    forms.append(next((w for w in irregular if w.endswith("ing")), root + "ing"))
    return [f"{form} {rest}".strip() for form in forms]


def plural(noun: str) -> str:
    """Return the plural of a noun."""
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    if noun.endswith("y") and noun[-2] not in "aeou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun[-1] in "sx" or noun[-2:] in {"ch", "sh"} else "s")


def synonyms() -> dict[str, tuple[str, ...]]:
    """Each word that has one meaning only, with all words of that meaning."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for theme in LEXICON.values():
        for meaning in theme.meanings():
            for word in meaning:
                found.setdefault(word, []).append(meaning)
    return {
        word: meanings[0]
        for word, meanings in found.items()
        if len(meanings) == 1 and len(meanings[0]) > 1
    }


def neighbours() -> dict[tuple[str, ...], list[tuple[str, ...]]]:
    """Return each meaning with its neighbors in its list.

    The lists are in order: tablets are between medicine and dose.
    """
    parts = [
        part
        for theme in LEXICON.values()
        for part in (theme.things, theme.actions, theme.qualities)
    ]
    return {
        m: [*part[max(0, i - 1) : i], *part[i + 1 : i + 2]]
        for part in parts
        for i, m in enumerate(part)
    }


def all_words() -> set[str]:
    """Every single word of the lexicon in its plain form, irregular forms and stop words."""
    words = {
        w
        for theme in LEXICON.values()
        for meaning in theme.meanings()
        for phrase in meaning
        for w in phrase.replace("-", " ").split()
    }
    return (
        words
        | {w for forms in IRREGULAR.values() for w in forms.split()}
        | {w for w in STOP_WORDS if w.isalpha()}
    )
