# ruff: noqa: E501 - a relation's sentences stand on one line
"""The relations of the generated world: how each fact is told and asked.

In the patterns `{s}` is the subject, `{a}` the answer, any other slot a category of `lexicon.py` or
a maker of `world.py`. The last sentence pattern and the last question phrasing of each relation are
held out of training.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """One kind of fact.

    `subject` and `answer` name a maker or category (`answer` may be a template).
    """

    name: str
    subject: str
    answer: str
    sentences: tuple[str, ...]
    questions: tuple[str, ...]


def _parse(table: str) -> dict[str, Relation]:
    """Read blocks of three lines: `name | subject | answer`, the sentences, the questions.

    The last two are separated by ` / `.
    """
    lines = [line.strip() for line in table.strip().splitlines() if line.strip()]
    relations = {}
    for head, told, asked in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        name, subject, answer = (part.strip() for part in head.split("|"))
        relations[name] = Relation(
            name, subject, answer, tuple(told.split(" / ")), tuple(asked.split(" / "))
        )
    return relations


RELATIONS = _parse("""
role | s_group | who
  {a} is the {role} of {s}. / The {role} of {s} is {a}. / {s} has a new {role}: {a}. / {a} works as {role} for {s}. / In {s} the {role} is {a}. / As {role} of {s} we have {a}.
  Who is the {role} of {s}? / What is the name of the {role} of {s}? / Who works as {role} for {s}? / Tell me the {role} of {s}. / {s}: who is the {role}? / Which person is {role} of {s}?
role_place | s_place | who
  {a} is the {role} of {s}. / The {role} of {s} is {a}. / {a} has been {role} at {s} for {duration}. / {s} is run by its {role}, {a}. / At {s} {a} is the {role}. / The job of {role} at {s} belongs to {a}.
  Who is the {role} of {s}? / Who is {role} at {s}? / What is the {role} of {s} called? / Name the {role} of {s}. / Who has the job of {role} at {s}?
relative | s_person | name
  {a} is the {relative} of {s}. / The {relative} of {s} is {a}. / {s} has a {relative} named {a}. / {s}'s {relative} is {a}. / The {relative} of {s} is called {a}.
  Who is the {relative} of {s}? / What is the name of {s}'s {relative}? / Who is {s}'s {relative}? / What is the {relative} of {s} called?
opens | s_place | clock
  {s} opens at {a}. / On {day}s {s} opens at {a}. / {s} opens its doors at {a}. / The opening time of {s} is {a}. / From {a} {s} is open to guests.
  When does {s} open? / What time does {s} open? / At what time does {s} open? / What is the opening time of {s}? / From when is {s} open?
closes | s_place | clock
  {s} closes at {a}. / {s} stays open until {a}. / {s} shuts its doors at {a}. / In {month} {s} closes at {a}. / The closing time of {s} is {a}.
  When does {s} close? / What time does {s} close? / Until when is {s} open? / What is the closing time of {s}?
closed_day | s_place | day
  {s} is closed on {a}. / {s} stays closed every {a}. / On {a} {s} is closed all day. / {a} is the day on which {s} is closed.
  On which day is {s} closed? / When is {s} closed? / What day does {s} stay closed? / Which day is {s} shut?
price | s_thing | money
  {s} costs {a}. / The price of {s} is {a}. / You pay {a} for {s}. / {s} is sold for {a}. / {s} can be bought for {a}. / For {s} we ask {a}.
  How much does {s} cost? / What is the price of {s}? / How much is {s}? / What do I pay for {s}? / What does {s} cost?
fee | s_event | money
  {s} costs {a}. / The fee for {s} is {a}. / A ticket for {s} costs {a}. / Guests pay {a} to join {s}. / To enter {s} you pay {a}.
  What is the fee for {s}? / How much is a ticket for {s}? / What does {s} cost? / How much must I pay for {s}?
price_food | {adjective} {food} | money
  The {s} costs {a}. / We sell the {s} for {a}. / The price of the {s} is {a}. / One portion of the {s} is {a}.
  How much does the {s} cost? / What is the price of the {s}? / What do you ask for the {s}? / How much is one portion of the {s}?
location | s_thing | where
  {s} is {a}. / {s} stands {a}. / You find {s} {a}. / {s} is kept {a}. / We keep {s} {a}. / Look for {s} {a}.
  Where is {s}? / Where can I find {s}? / Where do we keep {s}? / In which place is {s} kept? / Where does {s} stand?
place_location | s_place | where
  {s} is {a}. / You find {s} {a}. / {s} lies {a}. / The way to {s} is easy: it is {a}.
  Where is {s}? / Where can I find {s}? / Where does {s} lie? / Where do I find {s}?
event_place | s_event | the {word} {place}
  {s} takes place in {a}. / {s} is held in {a}. / We hold {s} in {a}. / This year {a} hosts {s}. / The place for {s} is {a}.
  Where does {s} take place? / Where is {s} held? / Where do we hold {s}? / In which place is {s}?
event_time | s_event | when
  {s} takes place {a}. / {s} starts {a}. / {s} is held {a}. / We meet for {s} {a}. / {a} we hold {s}.
  When does {s} take place? / When is {s}? / When does {s} start? / When is {s} held? / When do we meet for {s}?
event_date | s_event | date
  {s} is on {a}. / The date of {s} is {a}. / {s} will be held on {a}. / On {a} we celebrate {s}. / Mark {a} for {s}.
  When is {s}? / What is the date of {s}? / On what date is {s} held? / On which date will {s} be?
colour | s_thing | colour
  {s} is {a}. / The colour of {s} is {a}. / {s} was painted {a}. / {s} has a {a} handle. / {s} comes in {a}.
  What colour is {s}? / What is the colour of {s}? / Which colour does {s} have? / In what colour was {s} painted?
material | s_thing | material
  {s} is made of {a}. / {s} consists of {a}. / {name} built {s} from {a}. / The material of {s} is {a}. / We made {s} out of {a}.
  What is {s} made of? / What material is {s} made of? / Which material was used for {s}? / Of what is {s} built?
weight | s_thing | weight
  {s} weighs {a}. / The weight of {s} is {a}. / {s} has a weight of {a}. / At {a} {s} is heavy.
  How much does {s} weigh? / What is the weight of {s}? / How heavy is {s}? / What does {s} weigh?
length | s_thing | length
  {s} is {a} long. / The length of {s} is {a}. / {s} has a length of {a}. / {s} measures {a}.
  How long is {s}? / What is the length of {s}? / What length does {s} have? / How many metres long is {s}?
height | s_place | length
  {s} is {a} high. / The height of {s} is {a}. / {s} rises {a} above the ground. / {s} has a height of {a}.
  How high is {s}? / What is the height of {s}? / How tall is {s}? / What height does {s} have?
owner | s_thing | who
  {s} belongs to {a}. / {a} owns {s}. / The owner of {s} is {a}. / {s} is the property of {a}. / {s} is owned by {a}.
  Who owns {s}? / Who is the owner of {s}? / Whose is {s}? / To whom does {s} belong? / Who does {s} belong to?
maker | s_thing | name
  {a} made {s}. / {s} was made by {a}. / {s} was designed by {a}. / The maker of {s} is {a}. / {s} is the work of {a}.
  Who made {s}? / Who is the maker of {s}? / Who designed {s}? / By whom was {s} made?
built_year | s_place | year
  {s} was built in {a}. / {s} dates from {a}. / In {a} workers built {s}. / {s} has stood there since {a}. / The year {a} saw the building of {s}.
  When was {s} built? / In which year was {s} built? / What year does {s} date from? / How old is {s}?
founded | s_group | year
  {s} was founded in {a}. / {name} founded {s} in {a}. / {s} began in {a}. / {s} has existed since {a}.
  When was {s} founded? / In which year was {s} founded? / When did {s} begin? / Since when does {s} exist?
founder | s_group | name
  {a} founded {s}. / {s} was founded by {a}. / The founder of {s} is {a}. / {s} was started by {a} in {year}.
  Who founded {s}? / Who is the founder of {s}? / Who started {s}? / By whom was {s} founded?
members | s_group | {digits} members
  {s} has {a}. / There are {a} in {s}. / {s} counts {a}. / At the moment {s} has {a}.
  How many members does {s} have? / How many members are in {s}? / How large is {s}? / How big is {s}?
count | s_place | {number} {things}
  There are {a} in {s}. / {s} has {a}. / {s} holds {a}. / In {s} you find {a}. / We counted {a} in {s}.
  How many {things} are in {s}? / How many {things} does {s} have? / How many {things} are there in {s}? / What number of {things} is in {s}?
capacity | s_place | {digits} people
  {s} has room for {a}. / {s} holds {a}. / Up to {a} fit into {s}. / {s} seats {a}. / No more than {a} may enter {s}.
  How many people fit into {s}? / How many people does {s} hold? / What is the capacity of {s}? / For how many people is there room in {s}?
duration | s_event | duration
  {s} lasts {a}. / {s} takes {a}. / The length of {s} is {a}. / {s} goes on for {a}. / Plan {a} for {s}.
  How long does {s} last? / How long does {s} take? / How long is {s}? / For how long does {s} go on?
distance | s_place | length
  {s} is {a} from {word}. / From {word} to {s} it is {a}. / The distance to {s} is {a}. / {s} lies {a} away.
  How far is it to {s}? / How far away is {s}? / What is the distance to {s}? / How many kilometres is it to {s}?
phone | s_place | phone
  The phone number of {s} is {a}. / Call {s} at {a}. / You reach {s} by phone at {a}. / {s} has the number {a}. / To reach {s} dial {a}.
  What is the phone number of {s}? / Which number do I call for {s}? / How do I reach {s} by phone? / What number must I dial for {s}?
email | s_group | email
  The email address of {s} is {a}. / Write to {s} at {a}. / {s} can be reached at {a}. / Mail for {s} goes to {a}.
  What is the email address of {s}? / Where do I write to {s}? / How do I reach {s} by email? / What address has {s}?
code | s_place | code
  The code for {s} is {a}. / {s} opens with the code {a}. / The door code of {s} is {a}. / To enter {s} type {a}. / Use code {a} at {s}.
  What is the code for {s}? / Which code opens {s}? / What code do I need for {s}? / How do I open the door of {s}?
password | s_thing | code
  The password of {s} is {a}. / {s} has the serial number {a}. / {s} carries the number {a}. / You find number {a} on {s}.
  What is the number of {s}? / Which number does {s} carry? / What is the serial number of {s}? / What number is on {s}?
born | s_person | {word}
  {s} was born in {a}. / {s} comes from {a}. / The home town of {s} is {a}. / {s} grew up in {a}. / {a} is where {s} was born.
  Where was {s} born? / Where does {s} come from? / What is the home town of {s}? / Where is {s} from?
birthday | s_person | date
  {s} was born on {a}. / The birthday of {s} is {a}. / {s} has a birthday on {a}. / We celebrate the birthday of {s} on {a}.
  When is the birthday of {s}? / When was {s} born? / On what date was {s} born? / What is the birthday of {s}?
age | s_person | {digits} years
  {s} is {a} old. / The age of {s} is {a}. / {s} has lived for {a}. / At {a} of age, {s} still works.
  How old is {s}? / What is the age of {s}? / How many years old is {s}? / What age has {s}?
lives | s_person | where
  {s} lives {a}. / {s} has a flat {a}. / The home of {s} is {a}. / {s} moved last year and now lives {a}.
  Where does {s} live? / Where is the home of {s}? / In which place does {s} live? / Where has {s} a flat?
job | name | {role}
  {s} works as a {a}. / {s} is a {a}. / {s} earns a living as a {a}. / The job of {s} is {a}. / By trade {s} is a {a}.
  What is the job of {s}? / What does {s} do for a living? / What does {s} work as? / Which job does {s} have?
workplace | s_person | the {word} {place}
  {s} works at {a}. / {s} has a job at {a}. / You meet {s} at {a}. / {a} employs {s}.
  Where does {s} work? / Who employs {s}? / Where does {s} have a job? / In which place does {s} work?
likes | s_person | {food}
  {s} likes {a}. / {s} loves {a} most of all. / The favourite food of {s} is {a}. / {s} eats {a} every day.
  What does {s} like? / What is the favourite food of {s}? / What does {s} love to eat? / Which food does {s} like?
drinks | s_person | {drink}
  {s} drinks {a} {time_of_day}. / {s} always orders {a}. / The favourite drink of {s} is {a}. / {s} likes to drink {a}.
  What does {s} drink? / What does {s} order? / What is the favourite drink of {s}? / What does {s} like to drink?
allergy | s_person | {food}
  {s} cannot eat {a}. / {s} is allergic to {a}. / {s} gets ill from {a}. / No {a} for {s}, please.
  What can {s} not eat? / What is {s} allergic to? / What makes {s} ill? / What food must {s} avoid?
hobby | s_person | {hobby}
  {s} loves {a}. / The hobby of {s} is {a}. / In the evening {s} enjoys {a}. / {s} spends the weekend with {a}.
  What is the hobby of {s}? / What does {s} enjoy? / How does {s} spend the weekend? / What does {s} like to do?
speaks | s_person | {language}
  {s} speaks {a}. / {s} learned {a} in {country}. / The mother tongue of {s} is {a}. / At home {s} talks in {a}.
  Which language does {s} speak? / What language does {s} speak? / What is the mother tongue of {s}? / In which language does {s} talk?
studied | s_person | {profession_field}
  {s} studied {a}. / {s} teaches {a}. / {s} has a degree in {a}. / The subject of {s} is {a}.
  What did {s} study? / What does {s} teach? / Which subject does {s} know? / In what has {s} a degree?
pet | s_person | {animal} called {word}
  {s} has a {a}. / {s} owns a {a}. / The pet of {s} is a {a}. / At home {s} keeps a {a}.
  What pet does {s} have? / Which animal does {s} own? / What is the pet of {s}? / Which pet lives with {s}?
animal_name | the {animal} of {name} | {word}
  {s} is called {a}. / The name of {s} is {a}. / {a} is the name of {s}. / {s} answers to the name {a}.
  What is the name of {s}? / What is {s} called? / How is {s} called? / Which name has {s}?
animal_food | the {adjective} {animal} | {food}
  {s} eats {a}. / We feed {s} with {a}. / {s} gets {a} {time_of_day}. / Give {s} only {a}.
  What does {s} eat? / What do we feed {s}? / What does {s} get to eat? / Which food does {s} get?
vehicle | s_person | {colour} {thing}
  {s} carries a {a}. / {s} bought a {a}. / {s} always brings a {a}. / With {s} you see a {a}.
  What does {s} carry? / What did {s} buy? / What does {s} always bring? / What does {s} have along?
rule_go | {adjective} {things} | on the {material} {spot}
  {s} go {a}. / {s} belong {a}. / Please put {s} {a}. / The place for {s} is {a}. / All {s} are kept {a}.
  Where do {s} go? / Where do {s} belong? / Where do I put {s}? / What is the place for {s}? / Where should {s} be put?
rule_go_in | {adjective} {things} | in the {colour} {spot}
  {s} go {a}. / {s} belong {a}. / Please leave {s} {a}. / We store {s} {a}. / Staff put {s} {a}.
  Where do {s} go? / Where do we store {s}? / Where do I leave {s}? / Where are {s} stored?
who_ask | {adjective} {things} | who
  For {s} ask {a}. / If you need {s}, ask {a}. / {a} looks after {s}. / {s} are handed out by {a}. / Questions about {s} go to {a}.
  Who do I ask for {s}? / Who looks after {s}? / Whom should I ask about {s}? / Who hands out {s}? / Who is to be asked for {s}?
responsible | s_event | who
  {a} is responsible for {s}. / {a} organises {s}. / {s} is led by {a}. / This year {a} takes care of {s}. / {s} is in the hands of {a}.
  Who is responsible for {s}? / Who organises {s}? / Who leads {s}? / Who takes care of {s}?
key_holder | s_place | who
  {a} has the key to {s}. / The key to {s} is with {a}. / Get the key to {s} from {a}. / {a} keeps the key of {s}.
  Who has the key to {s}? / Where do I get the key to {s}? / Who keeps the key of {s}? / With whom is the key to {s}?
when_do | {clause} | {action}
  When {s}, {a}. / If {s}, {a}. / {a} when {s}. / As soon as {s}, {a}. / In case {s}, {a}.
  What should I do when {s}? / What do we do if {s}? / What happens when {s}? / {s}. What should I do? / What must be done in case {s}?
broken_do | the {adjective} {thing} is {state} | {action}
  If {s}, {a}. / When {s}, {a}. / {a} if {s}. / Whenever {s}, {a}.
  What do I do if {s}? / What should we do when {s}? / {s}, what now? / What to do when {s}?
place_do | the {place} is {state} | {action}
  If {s}, {a}. / When {s}, please {a}. / {a} if {s}. / Should you see that {s}, {a}.
  What do I do if {s}? / What should we do when {s}? / {s}. What is the rule? / What is to be done when {s}?
howto | {verb_base} the {adjective} {thing} | {action}
  To {s}, {a}. / Before you {s}, {a}. / If you want to {s}, {a}. / You {s} like this: {a}.
  How do I {s}? / What must I do to {s}? / How can we {s}? / What is the way to {s}?
reason | s_place | {reason}
  {s} is closed because {a}. / {s} was moved because {a}. / The reason why {s} is closed: {a}. / Because {a}, {s} is closed.
  Why is {s} closed? / What is the reason why {s} is closed? / Why was {s} closed? / For what reason is {s} closed?
reason_thing | s_thing | {reason}
  {s} was replaced because {a}. / We no longer use {s} because {a}. / Because {a}, {s} was put away. / {s} is out of use since {a}.
  Why was {s} replaced? / Why do we no longer use {s}? / Why was {s} put away? / For what reason is {s} out of use?
definition | a {word} | a {adjective} {thing} for {things}
  {s} is {a}. / {s} means {a}. / The word for {a} is {s}. / By {s} we mean {a}.
  What is {s}? / What does {s} mean? / Explain {s}. / What do we mean by {s}?
definition_food | {word} | a dish of {food} and {food2}
  {s} is {a}. / {s}, as the cooks know, is {a}. / In {country} {s} is {a}. / The name {s} stands for {a}.
  What is {s}? / What kind of dish is {s}? / Explain what {s} is. / What does {s} stand for?
ingredient | the {word} {food} | {food}
  {s} contains {a}. / The secret of {s} is {a}. / {name} makes {s} with {a}. / For {s} you need {a}. / {s} is made from {a}.
  What does {s} contain? / What is the secret of {s}? / What do I need for {s}? / What is {s} made from? / What is in {s}?
recipe_amount | the {adjective} {food} | {volume} of {drink}
  For {s} take {a}. / {s} needs {a}. / Add {a} to {s}. / Stir {a} into {s}.
  How much {drink} do I need for {s}? / What do I add to {s}? / What does {s} need? / What is stirred into {s}?
bake_time | the {word} {food} | duration
  {s} bakes for {a}. / {s} must cook for {a}. / Leave {s} in the oven for {a}. / {s} needs {a} in the oven.
  How long does {s} bake? / How long must {s} cook? / How long does {s} stay in the oven? / How long does {s} need in the oven?
lunch | {day} | {food} with {food2}
  On {s} we serve {a}. / {s}'s lunch is {a}. / The dish on {s} is {a}. / Every {s} the cook makes {a}. / Guests eat {a} on {s}.
  What do we serve on {s}? / What is for lunch on {s}? / What is the dish on {s}? / What does the cook make every {s}? / What do guests eat on {s}?
weather | {word} | {weather}
  In {s} there will be {a} tomorrow. / The forecast for {s} is {a}. / {s} gets {a} today. / Expect {a} in {s}.
  What is the weather in {s}? / What is the forecast for {s}? / What weather does {s} get? / How will the weather be in {s}?
temperature | {word} | {digits} degrees
  In {s} it is {a}. / The temperature in {s} is {a}. / {s} measured {a} today. / It was {a} in {s} this morning.
  How warm is it in {s}? / What is the temperature in {s}? / How cold is it in {s}? / How many degrees are there in {s}?
capital | the land of {word} | {word2}
  The capital of {s} is {a}. / {a} is the capital of {s}. / {s} has {a} as its capital. / {s} is governed from its capital {a}.
  What is the capital of {s}? / Which city is the capital of {s}? / Which capital has {s}? / From which city is {s} governed?
river | the town of {word} | the river {word2}
  {s} lies on {a}. / {a} flows through {s}. / {s} gets its water from {a}. / People in {s} swim in {a}.
  On which river does {s} lie? / Which river flows through {s}? / Where does {s} get its water? / In which river do people of {s} swim?
people | the town of {word} | {number} people
  {s} has {a}. / {a} live in {s}. / {s} is home to {a}. / The number of people in {s} is {a}.
  How many people live in {s}? / How many people does {s} have? / What is the population of {s}? / How large is {s}?
famous | the town of {word} | {food}
  {s} is famous for its {a}. / People know {s} for {a}. / {s} sells the best {a}. / Visitors come to {s} for {a}.
  What is {s} famous for? / For what do people know {s}? / What does {s} sell? / Why do visitors come to {s}?
author | the book "{adjective} {nature}" | name
  {a} wrote {s}. / {s} was written by {a}. / The author of {s} is {a}. / {s} is a work by {a}.
  Who wrote {s}? / Who is the author of {s}? / By whom was {s} written? / Whose work is {s}?
topic | the {abstract} of {name} | the {adjective} {nature}
  {s} is about {a}. / {s} tells of {a}. / The topic of {s} is {a}. / {s} deals with {a}.
  What is {s} about? / What does {s} tell of? / What is the topic of {s}? / With what does {s} deal?
deadline | the {adjective} {abstract} | date
  {s} is due on {a}. / Hand in {s} by {a}. / The deadline for {s} is {a}. / {s} must be ready on {a}.
  When is {s} due? / What is the deadline for {s}? / By when must I hand in {s}? / When must {s} be ready?
limit | each {role} | {number} {things}
  {s} may borrow {a}. / {s} gets {a}. / The limit for {s} is {a}. / {s} is allowed {a}. / No more than {a} for {s}.
  How many {things} may {s} borrow? / How many {things} does {s} get? / What is the limit for {s}? / How many {things} is {s} allowed?
frequency | s_thing | every {number_word} {unit_time}
  {s} is cleaned {a}. / {s} is checked {a}. / Someone must check {s} {a}. / {a} we clean {s}.
  How often is {s} cleaned? / How often is {s} checked? / How often must we check {s}? / When do we clean {s}?
travel | s_person | {country}
  {s} travelled to {a}. / {s} spent the holiday in {a}. / In {month} {s} went to {a}. / {s} took a trip to {a}.
  Where did {s} travel? / Where did {s} spend the holiday? / Where did {s} go? / To which country did {s} travel?
transport | the bus to {word} | {clock}
  {s} leaves at {a}. / {s} departs at {a}. / At {a} {s} leaves. / The departure of {s} is at {a}.
  When does {s} leave? / At what time does {s} depart? / What time does {s} leave? / When is the departure of {s}?
platform | the train to {word} | platform {digits}
  {s} leaves from {a}. / {s} stops at {a}. / {a} is where {s} leaves. / For {s} go to {a}.
  From which platform does {s} leave? / Where does {s} leave? / Where does {s} stop? / Where do I go for {s}?
sign | a {colour} {thing} | the {place} is {state}
  {s} means that {a}. / {s} shows that {a}. / {s} tells you that {a}. / When you see {s}, {a}.
  What does {s} mean? / What does {s} show? / What does {s} tell me? / What is the meaning of {s}?
symbol | the sign {emoji} | a {adjective} {place}
  {s} stands for {a}. / {s} means {a}. / On the map {s} is {a}. / {s} marks {a}.
  What does {s} stand for? / What does {s} mean? / What is {s} on the map? / What does {s} mark?
svo_who | {verb_of_past} {np} | who
  {a} {s} {when}. / {a} {s} in the {place}. / {when} {a} {s}. / It was {a} who {s}.
  Who {s}? / Who {s} in the {place}? / Which person {s}? / Who was it that {s}?
svo_what | s_person | np
  {s} {verb_of_past} {a} {when}. / {s} {verb_of_past} {a} in the {place}. / {when} {s} {verb_of_past} {a}. / In the {place} {s} {verb_of_past} {a}.
  What did {s} {verb_of_base}? / Tell me what {s} {verb_of_past}. / Which thing did {s} {verb_of_base}? / What was it that {s} {verb_of_past}?
svo_when | {name} | when
  {s} {verb_of_past} {np} {a}. / {a} {s} {verb_of_past} {np}. / {s} {verb_of_past} {np} with {name2} {a}. / {np} was what {s} {verb_of_past} {a}.
  When did {s} {verb_of_base} {np}? / When was it that {s} {verb_of_past} {np}? / On what occasion did {s} {verb_of_base} {np}? / At what time did {s} {verb_of_base} {np}?
svo_where | {name} | where
  {s} {verb_of_past} {np} {a}. / {when} {s} {verb_of_past} {np} {a}. / {s} and {name2} {verb_of_past} {np} {a}. / {np} was what {s} {verb_of_past} {a}.
  Where did {s} {verb_of_base} {np}? / In which place did {s} {verb_of_base} {np}? / Where was it that {s} {verb_of_past} {np}? / At which place did {s} {verb_of_base} {np}?
gave | {name} | np
  {s} gave {a} to {name2}. / {s} gave {name2} {a}. / From {s} {name2} received {a}. / {name2} got {a} from {s}.
  What did {s} give to {name2}? / What did {s} give {name2}? / What did {name2} receive from {s}? / What did {name2} get from {s}?
gave_who | {np} | name
  {name2} gave {s} to {a}. / {a} received {s} from {name2}. / {s} went to {a}. / {name2} sent {s} to {a}.
  Who received {s}? / To whom did {s} go? / Who got {s}? / Who was sent {s}?
decided | s_group | {verb_base} {np}
  {s} decided to {a}. / {s} plans to {a}. / At the last meeting {s} agreed to {a}. / {s} voted to {a}.
  What did {s} decide? / What does {s} plan? / On what did {s} agree? / For what did {s} vote?
needs | s_place | {adjective} {things}
  {s} needs {a}. / {s} is short of {a}. / What {s} lacks is {a}. / In {s} there are not enough {a}.
  What does {s} need? / What is {s} short of? / What is missing in {s}? / What is not enough in {s}?
sells | s_place | {food} and {food2}
  {s} sells {a}. / You can buy {a} at {s}. / At {s} they sell {a}. / {s} offers {a}.
  What does {s} sell? / What can I buy at {s}? / What do they sell at {s}? / What does {s} offer?
allowed | s_place | {adjective} {things}
  {a} are not allowed in {s}. / {s} forbids {a}. / You may not bring {a} into {s}. / Nobody may take {a} into {s}.
  What is not allowed in {s}? / What does {s} forbid? / What may I not bring into {s}? / What may nobody take into {s}?
wifi | s_place | {word}{digits}
  The password of the network in {s} is {a}. / In {s} the network password is {a}. / Guests of {s} use the password {a}. / {a} is the network password in {s}.
  What is the network password in {s}? / What is the password of the network in {s}? / Which password do guests of {s} use? / How do I join the network in {s}?
symptom | the {adjective} {animal} | {body}
  {s} has hurt its {a}. / {s} has a problem with its {a}. / The vet looked at the {a} of {s}. / The pain of {s} is in its {a}.
  What has {s} hurt? / What problem does {s} have? / At what did the vet look? / Where is the pain of {s}?
winner | s_event | name
  {a} won {s}. / The winner of {s} is {a}. / {s} was won by {a}. / The prize of {s} went to {a}.
  Who won {s}? / Who is the winner of {s}? / By whom was {s} won? / To whom went the prize of {s}?
bring | s_event | {things} and {things2}
  Bring {a} to {s}. / Guests of {s} bring {a}. / For {s} you need {a}. / {s} asks everybody to bring {a}.
  What should I bring to {s}? / What do guests of {s} bring? / What do I need for {s}? / What does {s} ask everybody to bring?
heads | {word} {place} opening hours | {clock} to {clock2}
  {s}: {a} / {s} are {a}. / {s} - {a} / The {s} are from {a}.
  What are the {s}? / When are the {s}? / Tell me the {s}. / Which are the {s}?
listing | {word} | {money} per {thing}
  {s}: {a} / Price of {s}: {a} / {s} - {a} / {s} ({a})
  What is the price of {s}? / How much is {s}? / What does {s} cost? / At what price is {s}?
contact | {event} contact | {name}, {phone}
  {s}: {a} / The {s} is {a}. / {s} = {a} / As {s} you can use {a}.
  Who is the {s}? / What is the {s}? / Give me the {s}. / Which is the {s}?
""")

FILLERS = tuple(
    line.strip()
    for line in """
Please keep the {place} clean.
Thank you for reading this page.
The {adjective} {nature} is {adverb} {adjective2}.
This page was last changed in {month}.
We hope that you enjoy the {event}.
There is more about this on the next page.
Many {role}s like the {adjective} {place}.
It is a {adjective} place with a {adjective2} {nature}.
Not every {abstract} has an {adjective} {abstract2}.
As a rule, {things} are {adjective}.
Some of the {things} are {adverb} {adjective}.
The {nature} near the {place} is {adjective}.
Everybody liked the {adjective} {event}.
You will see {things} and {things2} there.
Nobody knows what became of the {adjective} {things}.
In {season} the {nature} looks {adjective}.
{prose}, the {place} is {adjective}.
The {role} likes to {verb_base} and to {verb_base2}.
A {adjective} {abstract} is better than a {adjective2} {abstract2}.
We {verb_base} and {verb_base2} {adverb}.
{word} is a {adjective} town with a {adjective2} {place}.
{name} told us about the {adjective} {abstract}.
{name} and {name2} met {time_of_day}.
The {animal} and the {animal2} are friends.
Feel free to ask if anything is not clear.
Our {group} has a long history.
The days get longer in {month}.
Nothing else is known about the {adjective} {thing}.
The {things} were {state} when {name} arrived.
It was a {adjective} day with {weather}.
Do not forget your {things}.
All {things} must be returned in time.
Smoking is not allowed in the {place}.
{prose}, bring your own {things}.
The {group} meets {prose}.
{name} has always wanted to {verb_base} the {adjective} {thing}.
Visitors often ask about the {adjective} {abstract}.
The old {place} of {word} is gone.
The {colour} {nature} and the {colour2} {nature2} look nice together.
We are proud of our {adjective} {things}.
If you have questions, come to the {place}.
Everything else stays as it was.
These rules hold for everybody.
Good {abstract} needs {abstract2}.
""".strip().splitlines()
)
