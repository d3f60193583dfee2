"""List plain English words by category, and letters of other scripts.

They are the raw material of the generated world.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


LEXICON: dict[str, tuple[str, ...]] = {
    "role": _phrases(
        "baker, gardener, teacher, nurse, driver, cook, painter, librarian, manager, director, "
        "treasurer, secretary, captain, doctor, engineer, plumber, carpenter, tailor, butcher, "
        "farmer, fisher, guide, guard, judge, mayor, owner, founder, editor, author, designer, "
        "translator, accountant, assistant, coach, referee, musician, singer, conductor, "
        "composer, photographer, dentist, vet, pharmacist, lawyer, clerk, cashier, waiter, "
        "barber, cleaner, caretaker, postman, pilot, sailor, mechanic, electrician, builder, "
        "architect, scientist, researcher, supervisor, trainer, chair, deputy, host, keeper, "
        "inspector, reporter, producer, curator, night porter, first aider, head cook, shift "
        "leader, team lead, office manager, house keeper, bus driver, contact person, project "
        "leader, webmaster, warden, potter, weaver, beekeeper, locksmith, shepherd, miller"
    ),
    "relative": _words(
        "mother father sister brother aunt uncle cousin grandmother grandfather daughter son "
        "niece nephew wife husband neighbour friend partner colleague boss pupil flatmate"
    ),
    "thing": _phrases(
        "lamp, table, chair, kettle, clock, key, box, basket, ladder, rope, hammer, saw, bucket, "
        "broom, blanket, pillow, mirror, candle, bottle, cup, plate, bowl, spoon, knife, fork, "
        "pan, pot, oven, stove, fridge, printer, scanner, camera, phone, laptop, screen, "
        "keyboard, cable, charger, battery, bicycle, van, boat, tent, bag, coat, jacket, shirt, "
        "hat, scarf, boot, glove, umbrella, book, notebook, map, letter, folder, pen, pencil, "
        "brush, drill, pump, engine, wheel, tyre, door, window, gate, fence, shelf, cupboard, "
        "drawer, desk, bench, sofa, bed, carpet, curtain, bell, drum, guitar, piano, violin, "
        "flute, ball, kite, doll, puzzle, ticket, card, badge, stamp, parcel, crate, barrel, "
        "cart, trolley, scale, ruler, compass, torch, radio, speaker, heater, fan, filter, valve, "
        "tap, sink, bath, towel, soap, toolbox, first-aid kit, washing machine, coffee machine, "
        "vacuum cleaner, sewing machine, fire extinguisher, alarm, sensor, switch, fuse, handle, "
        "hinge, screw, nail"
    ),
    "things": _phrases(
        "boots, coats, keys, plates, cups, towels, tools, parcels, letters, tickets, bicycles, "
        "bags, umbrellas, books, magazines, batteries, cables, chairs, tables, ladders, ropes, "
        "brushes, buckets, bottles, jars, boxes, crates, blankets, pillows, gloves, hats, shirts, "
        "socks, shoes, scarves, helmets, badges, forms, invoices, receipts, files, folders, "
        "photos, maps, seeds, plants, flowers, apples, eggs, potatoes, onions, lamps, candles, "
        "clocks, phones, laptops, printers, screens, toys, games, balls, coins, stamps, cards, "
        "pens, pencils, scissors, knives, spoons, forks, pans, pots, lids, trays, baskets, carts, "
        "signs, flags, drums, samples, returns, orders, drinks"
    ),
    "place": _phrases(
        "library, kitchen, garden, workshop, office, cellar, attic, hall, garage, shed, barn, "
        "school, museum, theatre, cinema, bakery, pharmacy, market, station, harbour, airport, "
        "bridge, park, church, tower, castle, farm, mill, shop, cafe, restaurant, hotel, hostel, "
        "hospital, clinic, bank, post office, town hall, swimming pool, gym, stadium, playground, "
        "forest, lake, river, beach, island, valley, mountain, cave, field, orchard, vineyard, "
        "greenhouse, factory, warehouse, laboratory, studio, gallery, archive, reading room, "
        "waiting room, meeting room, staff room, laundry, pantry, balcony, roof, yard, gate "
        "house, front desk, reception, car park, bus stop, boat house, tea room, print room, "
        "storeroom, basement, dining hall, school yard, tool shed, music room"
    ),
    "spot": _phrases(
        "shelf, rack, hook, drawer, cupboard, box, basket, tray, bin, locker, bench, table, desk, "
        "counter, trolley, hanger, cabinet, crate, bucket, barrel, safe, board, stand, bag, "
        "chest, wardrobe, window sill, mat"
    ),
    "side": _phrases(
        "behind, next to, under, above, opposite, near, beside, inside, in front of, close to, to "
        "the left of, to the right of, across from"
    ),
    "event": _phrases(
        "meeting, fair, concert, market, lesson, course, festival, race, match, wedding, party, "
        "breakfast, lunch, dinner, workshop, tour, training, exam, interview, sale, auction, "
        "exhibition, film, play, lecture, rehearsal, picnic, trip, walk, ceremony, vote, "
        "inspection, delivery, fire drill, book club, choir practice, staff meeting, open day, "
        "summer school, harvest, parade, dance, quiz night, flea market, board meeting, tea hour"
    ),
    "group": _phrases(
        "club, team, choir, band, committee, company, firm, council, crew, class, family, "
        "cooperative, society, orchestra, union, agency, office, department, group, board, "
        "school, troupe, guild, association"
    ),
    "animal": _words(
        "dog cat horse goat sheep cow pig hen duck goose rabbit hamster parrot donkey pony fox "
        "wolf bear deer owl eagle swan crow mouse hedgehog squirrel turtle frog snake fish bee "
        "spider otter badger beaver camel llama monkey tiger lion elephant whale seal penguin"
    ),
    "food": _phrases(
        "bread, butter, cheese, soup, rice, pasta, beans, lentils, potatoes, carrots, onions, "
        "tomatoes, cabbage, spinach, apples, pears, plums, cherries, grapes, oranges, lemons, "
        "bananas, figs, nuts, honey, jam, cake, biscuits, pancakes, porridge, eggs, fish, "
        "chicken, beef, ham, sausages, salad, olives, garlic, mushrooms, pumpkin, corn, oats, "
        "yoghurt, chocolate, ice cream, apple pie, onion soup, fried rice, plum cake, rye bread, "
        "tomato salad, goat cheese, bean stew, lentil soup, fish pie, lemon tart, cherry jam, oat "
        "biscuits"
    ),
    "drink": _phrases(
        "water, milk, tea, coffee, juice, cider, cocoa, lemonade, green tea, apple juice, mint "
        "tea, black coffee, ginger beer, hot milk, tomato juice, pear juice"
    ),
    "colour": _phrases(
        "red, blue, green, yellow, black, white, grey, brown, orange, purple, pink, silver, gold, "
        "dark green, light blue, dark red, pale yellow, cream, turquoise, violet, navy blue, "
        "olive, beige, copper, scarlet, lime green"
    ),
    "material": _phrases(
        "wood, oak, pine, steel, iron, copper, brass, tin, silver, gold, glass, clay, stone, "
        "marble, paper, cardboard, leather, wool, cotton, silk, linen, rubber, plastic, wax, "
        "bamboo, bronze, felt, straw, aluminium, concrete, brick, cork, walnut, ash, birch, "
        "slate, granite, recycled plastic, thick cardboard, soft leather"
    ),
    "adjective": _words(
        "old new big small large little long short tall wide narrow heavy light thick thin round "
        "square flat deep shallow warm cold hot cool dry wet clean dirty empty full open closed "
        "broken quiet loud bright dark soft hard sharp smooth rough fresh stale sweet sour bitter "
        "cheap expensive rare common strong weak fast slow early late young modern plain simple "
        "pretty fine rusty dusty wooden golden woollen metal spare loose tight clear foggy sunny "
        "windy rainy snowy busy lonely brave calm clever curious eager gentle happy honest kind "
        "lazy lucky patient polite proud serious shy silly tired wise wild northern southern "
        "eastern western upper lower left right inner outer front back main second third last "
        "next local national public private secret famous official"
    ),
    "state": _phrases(
        "broken, empty, full, wet, dirty, lost, late, locked, blocked, too hot, too cold, too "
        "loud, missing, on fire, leaking, frozen, closed, open, stuck, damaged, out of order, "
        "sick, tired, hungry, overdue, flooded, noisy, jammed, red, flashing, dark, offline, "
        "slow, ready, finished, almost empty, not working, wrong, expired"
    ),
    "profession_field": _phrases(
        "history, music, biology, chemistry, physics, mathematics, law, medicine, art, dance, "
        "geography, economics, philosophy, engineering, drawing, cooking, pottery, astronomy, "
        "botany, farming, carpentry, nursing, design"
    ),
    "hobby": _phrases(
        "chess, swimming, painting, fishing, reading, singing, dancing, cycling, hiking, "
        "knitting, gardening, cooking, sailing, running, climbing, skating, rowing, drawing, "
        "pottery, bird watching, playing the violin, collecting stamps, table tennis, "
        "photography, baking bread, playing football, writing poems, building boats, judo"
    ),
    "country": _words(
        "Norway Sweden Finland Denmark Iceland Ireland Scotland Wales England France Spain "
        "Portugal Italy Greece Turkey Poland Austria Hungary Romania Bulgaria Germany Switzerland "
        "Belgium Canada Mexico Brazil Peru Chile Argentina Bolivia Cuba Egypt Morocco Kenya Ghana "
        "Nigeria Ethiopia India Nepal China Japan Korea Vietnam Thailand Australia Estonia Latvia "
        "Croatia Serbia Ukraine Georgia Israel Jordan Iran"
    ),
    "language": _words(
        "English French German Spanish Italian Portuguese Dutch Danish Norwegian Swedish Finnish "
        "Polish Czech Hungarian Greek Turkish Arabic Hebrew Persian Hindi Bengali Chinese "
        "Japanese Korean Thai Swahili Latin Russian Ukrainian Welsh Irish Icelandic Catalan"
    ),
    "day": _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    "month": _words(
        "January February March April May June July August September October November December"
    ),
    "season": _words("spring summer autumn winter"),
    "time_of_day": _phrases(
        "in the morning, in the afternoon, in the evening, at night, at noon, at midnight, before "
        "breakfast, after lunch, after school, before dinner, at dawn, at sunset, early in the "
        "day, late at night, during the break"
    ),
    "number_word": _words(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
    ),
    "unit_time": _words("minutes hours days weeks months years seconds nights"),
    "unit_length": _words("metres kilometres centimetres miles feet steps"),
    "unit_weight": _words("kilos grams tonnes pounds"),
    "unit_volume": _words("litres cups buckets bottles spoons"),
    "currency": _words("euros dollars pounds crowns francs pesos coins rupees yen"),
    "weather": _phrases(
        "rain, snow, fog, wind, sun, hail, storms, frost, clouds, showers, clear skies, strong "
        "wind, light rain, heavy snow, thick fog, sunshine"
    ),
    "clause": _phrases(
        "the power fails, it rains, it snows, the alarm rings, a guest arrives, a pipe leaks, the "
        "train is late, the printer jams, a child gets lost, the lift stops, you smell gas, you "
        "lose your key, you feel sick, the phone rings, the milk is gone, the bin is full, nobody "
        "answers, the gate is locked, a window breaks, the bell rings, the boss is away, the "
        "river rises, the password fails, the screen stays black, the bread burns, the last guest "
        "leaves, a parcel arrives, the shop is closed, the meeting runs late, the battery is low, "
        "the sun sets, there is a fire, the water is cold, a bird gets in, the server is down, "
        "someone faints, the bus is full"
    ),
    "action": _phrases(
        "call the {role}, ask the {role}, tell the {role}, close the {thing}, open the {thing}, "
        "turn off the {thing}, turn on the {thing}, bring the {thing} to the {place}, take the "
        "{thing}, leave the {thing} in the {place}, go to the {place}, wait in the {place}, put "
        "the {thing} on the {spot}, use the {adjective} {thing}, press the {colour} button, ring "
        "the {colour} bell, write it on the {colour} card, sign the {colour} form, clean the "
        "{thing}, lock the {place}, send a message to {name}, call {name}, ask {name} for help, "
        "fill in the {colour} form, wait {duration}, knock {number_word} times, pull the {colour} "
        "lever, check the {thing} twice, leave by the {adjective} door, meet at the {place}"
    ),
    "verb_past": _words(
        "painted cleaned opened closed repaired built bought sold found lost broke carried moved "
        "washed cooked baked drew wrote read signed sent received returned borrowed lent stole "
        "hid planted cut dried folded sewed fixed tested measured weighed counted ordered packed "
        "loaded delivered ate drank brought took kept dropped cleared polished checked collected "
        "covered chose made left locked photographed described borrowed replaced"
    ),
    "adverb": _words(
        "slowly quickly carefully quietly gladly often always usually never sometimes rarely "
        "daily weekly twice again today yesterday together alone soon early late here there "
        "everywhere almost already still only mostly"
    ),
    "reason": _phrases(
        "the roof leaks, the {role} is ill, it is being painted, the {thing} is broken, nobody "
        "has the key, the heating failed, there is no power, the floor is wet, the {event} takes "
        "place there, a pipe burst, the {role} is on holiday, new {things} are coming, the law "
        "changed, the road is blocked, the water is too cold, the {animal} needs quiet, the old "
        "one was too small, the {things} are missing, it saves money, it is safer"
    ),
    "body": _words(
        "head hand arm leg foot knee back neck eye ear nose mouth tooth finger shoulder heart "
        "stomach skin hair"
    ),
    "nature": _words(
        "tree oak birch willow rose tulip daisy grass moss stone rock sand hill cloud star moon "
        "sun sky wind storm rain snow ice fire smoke shadow leaf root branch seed flower fruit "
        "river stream pond wave shore path road street"
    ),
    "abstract": _words(
        "idea plan rule reason question answer problem story song poem word name number list page "
        "chapter lesson test result report note message order price cost gift prize debt rent "
        "bill tax law right duty habit dream fear hope joy luck peace war trade work job task "
        "game sport art science history future past moment hour week year life death health help "
        "trust doubt change choice chance risk error mistake success failure start end middle "
        "part whole half pair group kind type form shape size weight length height depth speed "
        "sound voice noise light colour taste smell touch sense mind memory thought feeling "
        "opinion advice news fact truth lie secret"
    ),
    "verb_base": _words(
        "go come see look find get give take make do say tell ask answer know think believe want "
        "need like love hate try use work play run walk sit stand lie sleep wake eat drink cook "
        "wash clean open close start stop begin finish help call send bring carry put keep hold "
        "leave stay live move turn change grow learn teach read write draw sing dance speak talk "
        "listen hear watch show hide wait meet join share follow lead build break fix repair buy "
        "sell pay cost spend save lose win choose decide plan hope wish remember forget "
        "understand explain mean happen become seem feel touch cut tie fill empty mix pour lift "
        "drop throw catch push pull press lock unlock check count measure weigh test book order "
        "return replace borrow lend store pack load print copy sign enter delete search sort add "
        "remove update install protect avoid allow forbid require accept refuse offer invite"
    ),
    "function": _words(
        "the a an this that these those my your his her its our their I you he she it we they me "
        "him us them who whom whose which what when where why how and or but so because if then "
        "than as while until since before after although though unless of in on at by for from to "
        "with without about into onto over under between among through during against toward upon "
        "within around along across behind beyond near off out up down away back is are was were "
        "be been being am has have had do does did will would can could shall should may might "
        "must not no yes all any both each every few many more most much none one other another "
        "same several some such too very just also even ever quite rather perhaps maybe however "
        "therefore instead otherwise please thanks hello goodbye"
    ),
    "prose": _phrases(
        "as a rule, for example, in most cases, on weekdays, at weekends, on request, free of "
        "charge, by hand, in advance, at least, at most, in general, in the end, of course, as "
        "soon as possible, by email, on foot, by car, per person, per week, once a year, every "
        "day, for members only, in writing, from now on, at any time, by train, without notice, "
        "if possible, on the first floor, for safety reasons, in case of doubt, step by step, by "
        "post, on holidays, during the week, upon arrival, within a day, once a month, for "
        "children, for adults, up to date"
    ),
}

SYLLABLES = {
    "onset": _words(
        "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh sk st t th tr v w y z bl cr "
        "dw fr gl kr"
    ),
    "vowel": _words("a e i o u a e i o ai ea ei ia io oo ou"),
    "coda": _words("l n r s m t k nd rt x ck ss ll rn st ng th lf v"),
    "ending": _words(
        "a o i en er in on ia us is ek ov ski ska son sen berg ford wick ton dale mouth ham "
        "vik rup ette elle"
    ),
    "accent": _words("á é í ó ú ä ö ü å ø æ ñ ç š ž ř ł ę ą ő ê ô î è à ã õ"),
}

SCRIPTS = {
    "chinese": "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许邓冯韩曹明伟芳娜静丽强磊军洋勇"
    "艳杰娟涛超霞平刚桂英华玉兰春梅"
    "红云龙山水木火金土天地人心月星雨雪风花青白黑长安北京南东西海江河湖州城门路街桥店馆园书画茶米饭面糖盐新大小中上下",
    "japanese": "山田中村佐藤鈴木高橋伊渡辺小林加吉松本井上清水川口森池石島橋本原京都大阪東名古屋神"
    "戸横浜"
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわん"
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワンー",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшыэюя",
    "greek": "αβγδεζηθικλμνξοπρστυφχψω",
}

EMOJI = (
    "🙂",
    "🎉",
    "🚲",
    "🍎",
    "🐱",
    "🌧",
    "⭐",
    "🔑",
    "📦",
    "☕",
    "🌱",
    "🐝",
    "🎵",
    "🔥",
    "🏠",
    "✅",
    "❗",
    "🚪",
    "📚",
    "🧺",
)
