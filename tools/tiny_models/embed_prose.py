# ruff: noqa: E501  # a paragraph is a line
"""Ordinary prose: passages as people write them, one question each, by hand.

The model never trains on them.

`FOR_CHOOSING` helped to choose settings and the best checkpoint; `PROSE` was written after all of
that, for the evaluation only.
"""

from __future__ import annotations

FOR_CHOOSING = tuple(
    tuple(part.strip() for part in block.strip().split("\n? "))
    for block in """
The sourdough starter lives in the fridge door. Feed it every Friday with equal weights of rye flour and lukewarm water, and discard half of it first, otherwise the jar overflows by Sunday.
? How do I look after the sourdough starter?

Our insurance covers water damage only when the stopcock was closed during absences of more than three days. The policy number is on the inside of the blue ring binder, and claims have to be filed within two weeks.
? When does the insurer pay for damage caused by water?

The night bus N7 leaves from the cathedral square at a quarter to one and stops at every village along the valley. Dogs travel free, but bicycles have to stay behind.
? Can I take my bike on the night bus?

Grandpa's telescope is in the wooden crate under the stairs. The finder scope needs a CR2032 battery, and the eyepieces are wrapped in a sock because the original case cracked.
? Which battery does the telescope take?

New colleagues receive their laptop on the first morning from Ingrid in room 2.14. The VPN token arrives by post about a week later; until then you work on the guest network.
? Who hands out laptops to people who have just joined?

Tomatoes hate wet leaves. Water them at the base, early in the day, and pinch out the side shoots once a week so that the strength goes into the fruit.
? What is the right way to water tomatoes?

The choir rehearses on Thursdays in the parish hall, except in August. Newcomers sing along for a month before they decide whether to join, and nobody has to be able to read music.
? On what evening does the choir practise?

Expense reports go to finance by the fifth of the following month. Receipts below ten euros may be photographed; above that we need the original, and alcohol is never reimbursed.
? What is the deadline for expense claims?

In the mountain hut you bring your own sleeping bag. Blankets are provided, boots stay in the porch, and the last one to go to bed banks the fire in the stove.
? Do I need a sleeping bag for the hut?

The cat gets half a tablet against her thyroid problem every morning, hidden in liver pâté. If she spits it out twice, leave it for that day and never double the dose.
? How should I give the cat her medicine?

The deploy script refuses to run while there are uncommitted changes. Tag the release first, wait until the pipeline is green, and tell the on-call engineer before you press the button.
? What must be done before deploying a release?

We keep the Christmas decorations in the attic, left of the water tank, in four boxes numbered in red. The lights that work have a green ribbon; the tangle in box four is for spares.
? Where are the Christmas decorations stored?

The museum lets children under twelve in for nothing. Students pay half with a valid card, and on the first Sunday of each month the permanent collection costs nobody anything.
? Is admission free for kids?

To descale the espresso machine, dissolve one sachet of citric acid in a litre of water, run half of it through the brew group, wait twenty minutes and flush with two tanks of fresh water.
? How is limescale removed from the coffee machine?

Parents pick up their children between four and half past five. Anyone else who comes to collect a child must be on the yellow list and show a photo ID.
? Who is allowed to collect a child?

The spare key hangs at Mrs. Okafor's on the second floor. She goes to bed early, so please do not ring after nine; her son upstairs can open in an emergency.
? Who has a spare key?

Bees should not be inspected below fifteen degrees or in strong wind. Light the smoker first, work from behind the hive, and close it again after ten minutes at most.
? At what temperature can a hive be opened?

The allotment association meets in the clubhouse every second Tuesday. Members who fail to cut their hedges by the end of June are fined twenty pounds, payable to the treasurer.
? What happens if someone does not trim the hedge?

Our sailing boat draws one metre forty. At low water do not try the northern channel; wait for the tide off the red buoy and enter along the leading lights.
? How deep is the keel of the boat?

The projector in the seminar room only accepts HDMI. An adapter for older laptops lies in the lectern drawer, and the remote needs to be pointed at the ceiling.
? How do I connect an old laptop to the projector?

Marathon training begins with three easy runs a week. Lengthen the Sunday run by ten percent at a time, and after every third week rest until the knees stop complaining.
? By how much should the long run increase?

The first vaccination of the puppy is due at eight weeks and the second at twelve. Until a week after the second one she should not meet strange dogs in the park.
? When does the puppy get her shots?

Guests check out by eleven. If you would like to leave your suitcases until the evening, the porter locks them in the room behind the reception at no charge.
? Can luggage be stored after checking out?

Old paint, batteries and fluorescent tubes do not belong in the household bin. The recycling yard at the gasworks takes them on Saturday mornings; bring proof of your address.
? How do I get rid of leftover paint?

The board elects its chair for two years. A chair who has served three times in a row steps down for at least one term, and the deputy calls the election.
? How long is the chair in office?

Soak the chickpeas overnight with a pinch of soda. Drain, cover with fresh water and simmer for an hour, then blend with tahini, lemon and a spoon of the cooking liquid.
? How do you make hummus?

The heating engineer comes every October to bleed the radiators and sweep the flue. He needs access to all flats, so leave a key with the caretaker when you are away.
? When are the radiators serviced?

Interns are entitled to twenty days of leave. Requests go through the portal, must be approved by the mentor, and can't be moved into the next year.
? How many holidays do interns get?

The library's microfilm reader has to be booked a day ahead. Prints are fifteen cents a page, and the oldest newspapers may be handled with cotton gloves only.
? What does a printout from microfilm cost?

When the smoke detector chirps once a minute, its battery is almost flat. Twist it off its base to the left, replace the nine-volt block and press the test button for five seconds.
? Why is the smoke alarm beeping?

My aunt Rosalind emigrated to Canada in 1957 with a single trunk. She worked in a cannery in Prince Rupert before she opened her own bakery, and she never returned.
? In what year did Rosalind move abroad?

The rehearsal piano was tuned in March by Herr Lindqvist. Do not place drinks on it, keep the lid shut overnight, and report sticking keys to the stage manager.
? Who tuned the piano?

All volunteers wear the orange vest while the stalls are being set up. Lost children are taken to the tent beside the fountain, where somebody waits for their parents.
? Where do lost children wait for their mum or dad?

Backups run at two at night and are kept for thirty days. To restore a file, open a ticket with its full path and the date on which it was last seen in order.
? How can I get a deleted file back?

The ferry to the island does not sail when waves exceed two metres. The office posts cancellations at six in the morning, and tickets stay valid for the following day.
? What if the ferry is cancelled because of rough sea?

The ground floor flat shares the washing machine with the shop. Quiet hours are from ten at night until seven, and the tumble dryer takes tokens sold at the kiosk.
? When is it forbidden to make noise?

Our village was flooded in 1983 after the dam above the sawmill gave way. The mark on the church wall, a hand below the window, shows how high the river stood.
? How high did the flood reach?

Knit the sleeve in the round on four needles. Increase two stitches every sixth row until it measures forty centimetres, then bind off loosely and sew it into the armhole.
? How long should the sleeve be?

Visitors to the laboratory sign the logbook, put on goggles and a coat, and leave food and phones in the lockers. Nobody works with solvents alone after six o'clock.
? What do visitors have to wear in the lab?

The tenancy can be ended by either side with three months' notice, in writing, to the end of a quarter. The deposit is returned within six weeks once the meters have been read.
? How do I give notice on the flat?
""".strip().split("\n\n")
)
PROSE = tuple(
    tuple(part.strip() for part in block.strip().split("\n? "))
    for block in """
The bicycle cellar is unlocked with the same chip as the front door. Chain your bike to the rail, not to the pipes, and pump up the tyres outside because the compressor wakes the baby.
? How do I get into the cellar where the bicycles are?

To reset the thermostat, hold both arrows until the display goes blank, let go and count to ten. It forgets the weekly programme, which is printed on the card inside the fuse box.
? What do I press to reset the thermostat?

Our rowing club was founded by seven railway workers in 1911. The first boathouse burned down after only two summers, and the present one was paid for with a lottery.
? Who started the rowing club?

For the lemon tart, blind-bake the case for a quarter of an hour. Whisk four eggs with the zest and juice, pour the filling in while the case is hot, and lower the oven to 150 degrees.
? How many eggs go into the tart?

Dr. Abernathy sees patients without an appointment between eight and nine. For blood tests come with an empty stomach; results are given by telephone after three days.
? Can I see the doctor without booking first?

The hamster cage is cleaned on Saturdays. Take out the damp straw, leave a handful of the old bedding so that it smells of home, and wash the wheel with vinegar.
? When does the hamster's cage get cleaned?

Every invoice needs the order number in its subject line. Suppliers who forget it are paid last, and anything over five thousand must be countersigned by Mr. Villanueva.
? Who has to sign large invoices?

The footbridge over the gorge is closed from November to Easter. Use the forest road instead; it adds forty minutes, and the first half has no phone reception.
? During which months is the bridge shut?

Seedlings move outdoors when the nights stay above eight degrees. Put them in the shade of the wall for a week first, or the leaves scorch.
? When can young plants go outside?

Our wedding photographs are on the silver hard disk labelled ALPHA. A second copy is with my sister in Utrecht, and the negatives of the old films are in the biscuit tin.
? Where is the backup of the wedding pictures?

The night nurse does her rounds at ten, two and six. Ring the bell beside the bed if the drip runs out, and never turn off the monitor yourself.
? How often does the nurse come round at night?

Chess evenings take place in the back room of the Golden Anchor. Boards are provided, clocks are not; beginners get a lesson from Henrike at half past six.
? Where do the chess players meet?

If the pump in the basement stops, lift the float with the hook on the wall. Should the water rise above the second brick, phone the fire brigade and move the freezer.
? What should I do when the basement pump fails?

Apprentices change department every four months. They keep a diary of what they did, and the foreman signs it at the end of each week.
? How long do apprentices stay in one department?

The parrot came with the house. He is fond of walnuts, swears in Portuguese and must be covered with the green cloth at dusk or he talks all night.
? What does the parrot like to eat?

Parcels that don't fit the letterbox are left with the florist next door. She closes at six and wants to see the card that the courier drops through the slot.
? Who takes in parcels when nobody is home?

The swimming pool's deep end is four metres. Children who can't show the bronze badge stay behind the rope, and the wave machine runs on the hour.
? How deep is the water in the pool?

Our server certificates are renewed by a cron job on the first of each month. If the mail from the watchdog stays away, log in to the jump host and run the renewal by hand.
? How are the certificates renewed?

The violin was made in Cremona around 1790 and belongs to a foundation. Yusuf may play it for ten years, must insure it himself, and takes it to Lyon for maintenance each spring.
? Whose property is the violin?

Rye bread keeps for a week in a linen bag. Do not put it in the fridge, where it goes stale faster, and slice it only when you need it.
? What is the best way to store rye bread?

The ghost tour begins at the pillory at nine in the evening. Wear sturdy shoes; the crypt is slippery, and people over one metre ninety will have to stoop.
? What time does the ghost walk start?

Complaints about noise go to the caretaker first. If nothing changes within a fortnight, write to the housing office and enclose a list of dates and hours.
? To whom do I complain about noisy neighbours?

Beech logs have to dry for two years under the lean-to. Stack them bark side up with a hand's breadth of air between the rows, or they rot.
? How long must firewood dry?

The lift takes eight persons or six hundred kilos. When it is stuck, press the yellow button for three seconds; a voice from Rotterdam answers and speaks Dutch and English.
? What is the maximum load of the elevator?

My thesis supervisor wants a chapter every six weeks. She reads on paper, returns the pages with green ink, and her deputy is Professor Marchetti.
? How frequently do I hand in chapters of the thesis?

The tram driver sells no tickets. Buy one from the machine at the stop or with the app before boarding, because inspectors charge sixty francs on the spot.
? Where can I buy a tram ticket?

Wool jumpers are washed by hand in lukewarm water with a drop of shampoo. Roll them in a towel, do not wring, and dry them flat on the rack in the bathroom.
? How should woollen sweaters be washed?

Anyone who finds a bat in the loft calls the ranger station. Do not touch it with bare hands; put a shoebox over it and slide a sheet of card underneath.
? What should you do if you discover a bat?

The annual general meeting needs a quorum of thirty members. Proxies count, but each member present can hold no more than two, and they must be written on the pink form.
? How many members are required for the annual meeting?

The lighthouse flashes twice every fifteen seconds. Its lens was ground in Paris, weighs almost three tonnes and floats in a trough of mercury.
? What is the weight of the lighthouse lens?

The nursery closes for three weeks in July. During that time families in need can bring their toddlers to the sister house on Mill Lane, where lunch costs two euros extra.
? When is the kindergarten closed for the summer?

Contractors get a yellow badge at the gate and are not allowed in the turbine hall without an escort. The badge opens no doors after seven and has to be returned the same day.
? What colour is the badge for contractors?

The mushroom walk is led by Frau Zielinski, who has picked in these woods for fifty years. Baskets only, no plastic bags, and she checks every find before anyone goes home.
? Who guides the mushroom hunt?

Our van's spare wheel hangs under the boot. The jack is behind the passenger seat, and the nuts are done up to a hundred and forty newton metres.
? Where do I find the jack of the van?

The summer fair raised 2,340 dollars for the new roof. Most of it came from the raffle and the cake stall, while the bouncy castle lost money because of the rain.
? How much money did the fair bring in?

To join the video call, click the link in the calendar entry and wait in the lobby until the host lets you in. Cameras are optional, but please mute yourself while others speak.
? How do I take part in the online meeting?

The desert tortoise sleeps from October to March in a box of leaves in the shed. Weigh her once a month, and wake her if she has lost more than a tenth.
? In which part of the year does the tortoise hibernate?

Grandmother's recipe for cough syrup is thyme, onion and honey, left to draw for one night. A spoonful three times daily, but not for infants under one year.
? What is in granny's cough mixture?

The observatory opens to the public on clear Fridays. Phone the answering machine after five to hear whether the sky is good enough, and dress warmly because the dome isn't heated.
? How can I find out whether the observatory is open tonight?

Roller shutters on the south side come down by themselves when the sun is strong. The switch beside the blackboard overrides them for an hour, and a storm raises them all.
? Why do the shutters close on their own?
""".strip().split("\n\n")
)
"""Pairs of a passage and its question."""
