# ruff: noqa: E501 - the numbers are shares of styles; tables read best with a line each
"""Generate tools, schemas and fitting requests.

The chat model learns tool calls and JSON from them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .lexicon import LEXICON
from .world import Scene, capitalise, make_fact, make_word


@dataclass(frozen=True)
class Parameter:
    """One argument: its names, JSON type, the slot of its value, and how requests mention it."""

    names: tuple[str, ...]
    type: str
    slot: str
    phrases: tuple[str, ...]
    description: str
    options: tuple[str, ...] = ()


def _parameters(table: str) -> dict[str, Parameter]:
    parameters = {}
    for line in table.strip().splitlines():
        names, type_, slot, phrases, description, *options = (
            part.strip() for part in line.split("|")
        )
        parameter = Parameter(
            tuple(names.split()),
            type_,
            slot,
            tuple(phrases.split(" / ")),
            description,
            tuple(options[0].split(", ")) if options else (),
        )
        parameters[parameter.names[0]] = parameter
    return parameters


PARAMETERS = _parameters("""
city location place town region | string | {word} | in {v} / for {v} / at {v} / near {v} | The city.
where address location | string | {word}, {word2} | in {v} / at {v} / for {v} | The place, such as a city and its region.
person name user customer guest | string | {name} | for {v} / of {v} / named {v} | The name of the person.
recipient to receiver contact | string | {name} | to {v} | Who receives it.
date day_of | string | {date} | on {v} / for {v} | The date.
day weekday | string | {day} | on {v} | The day of the week. | Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday
time start_time hour | string | {clock} | at {v} / from {v} | The time.
count number quantity amount n | integer | {digits} | {v} times / with {v} pieces / for {v} people / count {v} | How many.
minutes duration seconds length | integer | {digits} | for {v} minutes / of {v} minutes | How long, in minutes.
price budget maximum limit | number | {decimal} | for at most {v} / under {v} / with a budget of {v} | The highest price.
colour color | string | {colour1} | in {v} / painted {v} / with colour {v} | The colour. | red, green, blue, black, white, yellow
size | string | {size} | in size {v} / size {v} | The size. | small, medium, large
unit units system | string | {unit} | in {v} / using {v} | The unit of the answer. | celsius, fahrenheit, kelvin
language target | string | {language} | in {v} / into {v} / to {v} | The language.
topic subject query keyword term | string | {topic} | about {v} / on {v} | What to look for.
text message content body note | string | {sentence} | saying "{v}" / with the text "{v}" / : {v} | The text.
title heading | string | {title} | called "{v}" / with the title "{v}" / titled {v} | The title.
code id key reference order_id | string | {code} | with code {v} / number {v} / {v} | The code.
user_id item_id index page room | integer | {digits} | with id {v} / number {v} / {v} | The number.
item product thing object article | string | {adjective} {thing} | for a {v} / of the {v} / the {v} | The item.
food dish ingredient | string | {food} | with {v} / for {v} / of {v} | The food.
items tags list names words | array | {items} | {v} / with {v} | The list.
numbers values scores | array | {numbers} | {v} / for {v} | The numbers.
urgent active force public | boolean | {flag} | , it is {n} / and make it {n} | Whether it is so.
country nation | string | {country} | in {v} / for {v} / from {v} | The country.
email address_to | string | {email} | to {v} / at {v} | The email address.
""")

# name words | description | how a request begins | parameters
FAMILIES = tuple(
    tuple(part.strip() for part in line.split("|"))
    for line in """
get weather, weather, current weather, forecast, weather lookup | Get the weather in a place. | What is the weather / How is the weather / Show the weather / Is it raining / Weather forecast | city
get temperature, temperature, city weather | Get the temperature at a place. | What is the temperature / How warm is it / How cold is it | where unit?
get time, local time, clock | Get the local time. | What time is it / What is the local time / Show the clock | city
search, web search, search docs, lookup, find pages | Search for information. | Search for information / Find something / Look for pages / What is known | topic
send message, send note, notify | Send a message to somebody. | Send a message / Write a note / Send a text | recipient text
send email, mail, email user | Send an email. | Send an email / Mail something / Write an email | email title?
set timer, start timer, timer | Start a timer. | Set a timer / Start a timer / Wake me | minutes
set alarm, alarm, wake up | Set an alarm. | Set an alarm / Wake me up | time day?
book table, reserve table, reservation | Book a table in a restaurant. | Book a table / Reserve a table / I need a table | person time count?
book room, reserve room, room booking | Book a room. | Book a room / Reserve a room / I need a room | city date
add event, create event, calendar | Put an event into the calendar. | Add an event / Create an event / Put an event into the calendar | title date
translate, translate text, translator | Translate a text. | Translate / Please translate / I need a translation | language text
get user, user lookup, find user, customer | Look up a user by id. | Look up the user / Show the user / Find the customer / Get the profile | user_id
get order, track order, order status | Get the state of an order. | Where is the order / Track the order / Show the order | code
add item, add to cart, order item, buy | Put an item into the cart. | Add to the cart / Order / Buy / I want to order | item count
get price, price, price check | Get the price of an item. | What is the price / How much do you ask / Check the price | item
find recipe, recipe, recipes | Find a recipe. | Find a recipe / Show me a recipe / How do I cook something | food
find shop, shops, store finder | Find a shop. | Find a shop / Show me the shops / Is there a shop | city item?
turn on lamp, set lamp, light, set colour | Set the colour of a lamp. | Set the lamp / Turn on the light / Make the lamp shine | colour
make list, shopping list, save list | Save a list of things. | Save a list / Make a list / Write a list | items
average, mean, total, sum up | Calculate with a list of numbers. | Calculate the average / What is the total / Work out the mean | numbers
get capital, capital, country info | Get facts about a country. | What is the capital / Give me facts / Tell me something | country
play music, play, song | Play a song. | Play a song / Play music / Put on a song | title
create note, save note, remember | Save a note. | Save a note / Create a note / Make a note | text urgent?
hire, add person, register, sign up | Register a person. | Register somebody / Add a new member / Sign up a guest | person city?
find train, trains, connections | Find trains. | Find a train / When is the next train / Show trains | city time?
order shirt, shirts, clothes | Order clothes. | Order a shirt / I want a coat / Buy a hat | colour size
""".strip().splitlines()
)
MATHS = (
    (
        ("add", "plus", "sum", "add numbers"),
        "Add two numbers.",
        ("What is {a} plus {b}?", "Add {a} and {b}.", "{a} + {b}?", "How much is {a} + {b}?"),
    ),
    (
        ("multiply", "times", "product"),
        "Multiply two numbers.",
        ("What is {a} times {b}?", "Multiply {a} by {b}.", "{a} * {b}?", "How much is {a} x {b}?"),
    ),
    (
        ("subtract", "minus", "difference"),
        "Subtract two numbers.",
        ("What is {a} minus {b}?", "Take {b} from {a}.", "{a} - {b}?", "How much is {a} - {b}?"),
    ),
    (
        ("divide", "ratio", "quotient"),
        "Divide two numbers.",
        (
            "What is {a} divided by {b}?",
            "Divide {a} by {b}.",
            "{a} / {b}?",
            "How much is {a} : {b}?",
        ),
    ),
    (
        ("compare", "larger", "maximum"),
        "Find the larger of two numbers.",
        ("Which is larger, {a} or {b}?", "Compare {a} with {b}.", "Is {a} more than {b}?"),
    ),
)
PLAIN_NAMES = ("input", "x", "n", "value", "number", "query", "arg", "a", "data", "key")
NO_ARGUMENTS = (
    "status",
    "list files",
    "get date",
    "refresh",
    "stop",
    "next page",
    "roll dice",
    "get news",
    "reset",
    "help",
)
FREE_KINDS = (
    "story",
    "riddle",
    "poem",
    "fact",
    "recipe",
    "slogan",
    "song",
    "tale",
    "puzzle",
    "proverb",
    "speech",
    "review",
    "letter",
)
FREE_KEYS = (
    "title",
    "text",
    "opening",
    "ending",
    "question",
    "answer",
    "first_line",
    "last_line",
    "moral",
    "summary",
    "body",
    "reason",
    "start",
    "intro",
    "hook",
    "closing",
    "response",
    "content",
    "theme",
)


def _style(rng: random.Random, words: str) -> str:
    parts = words.split()
    style = rng.random()
    if style < 0.65:
        return "_".join(parts)
    if style < 0.8:
        return parts[0] + "".join(part.capitalize() for part in parts[1:])
    if style < 0.9:
        return "".join(part.capitalize() for part in parts)
    return "-".join(parts)


def _value(rng: random.Random, parameter: Parameter, *, held_out: bool) -> tuple[Any, str]:
    """Draw a value and the words that a request uses for it."""
    if parameter.type == "string":
        text = _text_value(rng, parameter, Scene(rng, held_out=held_out))
        return text, text
    if parameter.type == "integer":
        number = rng.choice((rng.randint(0, 20), rng.randint(2, 99), rng.randint(100, 9999)))
        return number, str(number)
    if parameter.type == "number":
        price: float = rng.choice((rng.randint(1, 500), rng.randint(10, 999) / 10))
        return price, str(price)
    if parameter.type == "boolean":
        return True, ""
    if parameter.slot == "{items}":
        items = rng.sample(
            LEXICON[rng.choice(("food", "things", "colour", "drink"))], rng.randint(2, 4)
        )
        return items, ", ".join(items[:-1]) + " and " + items[-1]
    numbers = [rng.randint(0, 99) for _ in range(rng.randint(2, 4))]
    return numbers, ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"


def _text_value(rng: random.Random, parameter: Parameter, scene: Scene) -> str:
    if parameter.options:
        return rng.choice(parameter.options)
    if parameter.slot == "{topic}":
        return scene.fill(
            rng.choice(
                (
                    "{word}",
                    "{things}",
                    "{adjective} {things}",
                    "the {word} {place}",
                    "{hobby}",
                    "{name}",
                    "{food}",
                )
            )
        )
    if parameter.slot == "{title}":
        return scene.fill(
            rng.choice(("{word}", "{adjective} {nature}", "{event} with {name}", "{word} {event}"))
        )
    if parameter.slot == "{sentence}":
        return make_fact(rng, held_out=scene.held_out).sentence.rstrip(".")
    if parameter.slot == "{word}" and rng.random() < 0.3:  # places of two words
        return scene.fill(
            rng.choice(
                (
                    "{word} {word2}",
                    "San {word}",
                    "New {word}",
                    "{word}, {word2}",
                    "{word} City",
                    "{country}",
                    "Port {word}",
                    "{word}, {code}",
                )
            )
        )
    return scene.fill(parameter.slot)


def _schema(rng: random.Random, parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.type}
    if parameter.options:
        schema = (
            {"enum": list(parameter.options), "type": "string"} if rng.random() < 0.7 else schema
        )
    if parameter.type == "array":
        schema["items"] = {"type": "integer" if parameter.slot == "{numbers}" else "string"}
    if rng.random() < 0.35:
        schema = {"description": parameter.description, **schema}
    return schema


def _function(
    rng: random.Random, name: str, description: str, properties: dict[str, Any], required: list[str]
) -> dict[str, Any]:
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if rng.random() < 0.5:
        parameters = {"properties": properties, "type": "object"}
    if required:
        parameters = (
            {"properties": properties, "required": required, "type": "object"}
            if rng.random() < 0.5
            else {**parameters, "required": required}
        )
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


@dataclass
class Job:
    """A tool, a request for it, and the arguments of the right call."""

    tool: dict[str, Any]
    request: str
    arguments: dict[str, Any]
    again: Callable[[], tuple[str, dict[str, Any]]]
    """Makes another request for the tool, and its arguments."""

    @property
    def name(self) -> str:
        """The tool's name."""
        return str(self.tool["function"]["name"])


def _request(rng: random.Random, start: str, mentions: list[str]) -> str:
    text = start + "".join(
        mention if mention.startswith((",", ":")) else " " + mention for mention in mentions
    )
    if rng.random() < 0.2:
        text = "Please " + text[0].lower() + text[1:]
    question = start.split(maxsplit=1)[0] in {
        "What",
        "How",
        "Is",
        "Where",
        "When",
        "Which",
    } and not text.startswith("Please")
    if text.endswith('"'):
        return text
    return text + ("?" if question else rng.choice((".", ".", "")))


def _quoted(rng: random.Random, text: str) -> str:
    """Return a value in quotation marks, at times with a remark behind it that is no part of it."""
    mark = rng.choice("'\"")
    remark = Scene(rng).fill(
        rng.choice(("", "", " ({word})", " (the {adjective} {thing})", " - a {adjective} {thing}"))
    )
    return f"{mark}{text}{mark}{remark}"


def _parameter_job(
    rng: random.Random,
    words: str,
    description: str,
    starts: list[str],
    wanted: list[str],
    *,
    held_out: bool,
) -> Job:
    named = {rng.choice(PARAMETERS[key.rstrip("?")].names): key for key in wanted}
    properties = {name: _schema(rng, PARAMETERS[key.rstrip("?")]) for name, key in named.items()}
    required = [name for name, key in named.items() if not key.endswith("?")]

    def again() -> tuple[str, dict[str, Any]]:
        arguments, mentions = {}, []
        for name, key in named.items():
            if name not in required and rng.random() < 0.5:
                continue
            parameter = PARAMETERS[key.rstrip("?")]
            arguments[name], spoken = _value(rng, parameter, held_out=held_out)
            if parameter.type == "string" and not held_out and rng.random() < 0.2:
                spoken = _quoted(rng, spoken)
            plain = name.replace("_", " ")
            generic = rng.random() < 0.2 and spoken
            mentions.append(
                f"with {plain} {spoken}"
                if generic
                else rng.choice(parameter.phrases).format(v=spoken, n=plain)
            )
        return _request(rng, rng.choice(starts), mentions), arguments

    return Job(
        _function(rng, _style(rng, words), description, properties, required), *again(), again
    )


def _family_job(rng: random.Random, *, held_out: bool) -> Job:
    names, description, starts, wanted = rng.choice(FAMILIES)
    return _parameter_job(
        rng,
        rng.choice(names.split(", ")),
        description,
        starts.split(" / "),
        wanted.split(),
        held_out=held_out,
    )


def _made_job(rng: random.Random, *, held_out: bool) -> Job:
    """Make a tool up: a verb, a thing and any parameters."""
    scene = Scene(rng, held_out=held_out)
    words = scene.fill(
        "{verb_base} " + rng.choice(("{thing}", "{place}", "{animal}", "{event}", "{abstract}"))
    ).replace("-", " ")
    keys = rng.sample([key for key in PARAMETERS if key != "text"], rng.choice((1, 1, 2, 2, 3)))
    wanted = [keys[0], *(key + rng.choice(("", "?")) for key in keys[1:])]
    verb, thing = words.split(" ", 1)
    starts = [capitalise(verb) + f" {article} {thing}" for article in ("the", "a", "my")] + [
        f"I want to {verb} the {thing}"
    ]
    description = rng.choice(
        (f"{capitalise(verb)} the {thing}.", f"{capitalise(verb)} a {thing} for the user.", "")
    )
    return _parameter_job(rng, words, description, starts, wanted, held_out=held_out)


def _maths_job(rng: random.Random, **_: bool) -> Job:
    names, description, asks = rng.choice(MATHS)
    low, high = rng.choice(
        (
            ("a", "b"),
            ("x", "y"),
            ("first", "second"),
            ("n", "m"),
            ("left", "right"),
            ("number1", "number2"),
        )
    )
    kind = rng.choice(("integer", "number"))
    properties = {low: {"type": kind}, high: {"type": kind}}

    def again() -> tuple[str, dict[str, Any]]:
        first, second = (
            rng.choice(
                (
                    rng.randint(0, 12),
                    rng.randint(0, 999),
                    round(rng.uniform(0, 50), 1) if kind == "number" else 7,
                )
            )
            for _ in range(2)
        )
        return rng.choice(asks).format(a=first, b=second), {low: first, high: second}

    return Job(
        _function(rng, _style(rng, rng.choice(names)), description, properties, [low, high]),
        *again(),
        again,
    )


NAMED_ASKS = (
    "What is {f} of {v}?",
    "Work out {f}({v}).",
    "Use {f} with {v}.",
    "Call {f} on {v}.",
    "Run {f} for {v}",
    "What does {f} give for {v}?",
    "Apply the tool {f} to {v}.",
    "Please use the {f} tool on {v}.",
)
BARE_ASKS = ("Call {f}.", "Run {f}", "Use {f}.", "What does {f} give?")


def _named_job(rng: random.Random, *, held_out: bool) -> Job:
    """Name the tool in the request: its meaning cannot be guessed."""
    scene = Scene(rng, held_out=held_out)
    words = scene.fill(
        rng.choice(
            (
                "{adjective} function",
                "{word} tool",
                "{verb_base} {word}",
                "{nature} function",
                "do {abstract}",
                "{word}",
            )
        )
    ).lower()
    words = words if words.isascii() else "secret function"
    name = _style(rng, words)
    argument = rng.choice(PLAIN_NAMES)
    description = rng.choice(
        ("", f"Applies the {words} to the {argument}.", f"The {words}.", capitalise(words) + ".")
    )
    bare = rng.random() < 0.2  # a tool without arguments
    text = rng.random() < 0.3
    slots = ("{word}", "{thing}", "{code}")

    def again() -> tuple[str, dict[str, Any]]:
        if bare:
            return rng.choice(BARE_ASKS).format(f=name), {}
        value: Any = (
            Scene(rng, held_out=held_out).fill(rng.choice(slots))
            if text
            else rng.choice((rng.randint(0, 20), rng.randint(0, 9999)))
        )
        return rng.choice(NAMED_ASKS).format(f=name, v=value), {argument: value}

    properties = {} if bare else {argument: {"type": "string" if text else "integer"}}
    return Job(_function(rng, name, description, properties, list(properties)), *again(), again)


def _plain_job(rng: random.Random, **_: bool) -> Job:
    words = rng.choice(NO_ARGUMENTS)
    asks = (
        "Show the {}.",
        "What is the {}?",
        "{}, please.",
        "Please {}.",
        "{} now",
        "Do this: {}.",
    )

    def again() -> tuple[str, dict[str, Any]]:
        return capitalise(rng.choice(asks).format(words)), {}

    return Job(_function(rng, _style(rng, words), capitalise(words) + ".", {}, []), *again(), again)


Fill = Callable[[str], dict[str, Any]]


def _free_keys(rng: random.Random, *, held_out: bool) -> list[str]:
    count = rng.choice((1, 2, 2, 2, 3))
    if held_out or rng.random() < 0.5:
        return rng.sample(FREE_KEYS, count)
    words = (
        Scene(rng).fill(rng.choice(("{thing}", "{animal}", "{abstract}", "{verb_base} {thing}")))
        for _ in range(count)
    )
    return list({word.replace(" ", "_").replace("-", "_").lower() for word in words})


def _free_fields(rng: random.Random, *, held_out: bool) -> tuple[dict[str, Any], list[str], Fill]:
    """Make a schema that the request does not mention, and a function for its plain values.

    The model writes these values for a topic.
    """
    properties: dict[str, Any] = {}
    required = []
    for key in _free_keys(rng, held_out=held_out):
        words = key.replace("_", " ")
        properties[key] = {"type": "string"}
        if rng.random() < 0.4:
            properties[key] = {
                "description": rng.choice((f"The {words}.", f"{capitalise(words)} of it", words)),
                "type": "string",
            }
        required.append(key)
    texts = list(required)
    # one that may be left out, and is not
    if not held_out and len(texts) > 1 and rng.random() < 0.3:
        properties[texts[-1]] = {
            "anyOf": [{"type": "string"}, {"type": "null"}],
            "default": None,
            "description": f"The {texts[-1]}.",
        }
        required.remove(texts[-1])
    fixed: dict[str, Any] = {}
    if rng.random() < 0.25:
        key, schema, value = rng.choice(
            (
                ("rating", {"type": "integer"}, 5),
                ("score", {"type": "number"}, 5),
                ("good", {"type": "boolean"}, True),
                ("tags", {"type": "array", "items": {"type": "string"}}, None),
            )
        )
        properties[key] = schema
        if rng.random() < 0.5:  # an optional one is left out
            required.append(key)
            fixed[key] = value

    def fill(topic: str) -> dict[str, Any]:
        values: dict[str, Any] = {
            key: f"{capitalise(key.replace('_', ' '))} about {topic}" for key in texts
        }
        return values | {key: [topic] if value is None else value for key, value in fixed.items()}

    return properties, required, fill


def _topic(rng: random.Random, *, held_out: bool) -> str:
    return Scene(rng, held_out=held_out).fill(
        rng.choice(
            (
                "{things}",
                "{animal}s",
                "{word}",
                "{food}",
                "the {nature}",
                "{hobby}",
                "{adjective} {things}",
                "a {animal}",
                "the {place}",
            )
        )
    )


def _free_job(rng: random.Random, *, held_out: bool) -> Job:
    kind = rng.choice(FREE_KINDS)
    properties, required, fill = _free_fields(rng, held_out=held_out)
    name = rng.choice((kind, kind.capitalize(), f"write_{kind}", f"tell_{kind}"))
    asks = (
        "Tell me a {} about {}.",
        "Write a {} about {}",
        "Give me a {} about {}.",
        "Make up a {} about {}.",
    )

    def again() -> tuple[str, dict[str, Any]]:
        topic = _topic(rng, held_out=held_out)
        return rng.choice(asks).format(kind, topic), fill(topic)

    description = rng.choice((f"A {kind}.", f"{capitalise(kind)} to tell the user.", ""))
    return Job(_function(rng, name, description, properties, required), *again(), again)


JOBS = (
    (_family_job, 0.34),
    (_made_job, 0.28),
    (_maths_job, 0.08),
    (_named_job, 0.15),
    (_plain_job, 0.05),
    (_free_job, 0.10),
)


def make_job(rng: random.Random, *, held_out: bool = False) -> Job:
    """Draw a tool with a request for it."""
    maker = rng.choices([job for job, _ in JOBS], [share for _, share in JOBS])[0]
    return maker(rng, held_out=held_out)


def _result(rng: random.Random, *, held_out: bool) -> tuple[str, str]:
    """Draw what a tool returned, and the answer to the user after it."""
    scene = Scene(rng, held_out=held_out)
    style = rng.random()
    if style < 0.25:
        value = scene.fill(
            rng.choice(("{digits}", "{number}", "{code}", "{decimal}", "{money}", "{name}"))
        )
        return value, f"The result is {value}."
    if style < 0.5:
        text = make_fact(rng, held_out=held_out).sentence
        return text, text
    if style < 0.75:
        text = scene.fill(
            rng.choice(
                (
                    "{digits} degrees and {weather}",
                    "{weather}, {digits} degrees",
                    "{adjective} and {adjective2}",
                    "{weather}",
                    "{adjective} {weather}",
                    "It is {adjective}.",
                    "Sent to {name}.",
                    "Found {number} {things}.",
                    "{name}, {word}",
                    "Done.",
                )
            )
        )
        return text, capitalise(text) if text.endswith(".") else f"The result is {text}."
    keys = rng.sample(
        ("city", "degrees", "sky", "price", "state", "name", "count", "day"), rng.randint(1, 3)
    )
    slots = {
        "city": "{word}",
        "degrees": "{digits}",
        "sky": "{weather}",
        "price": "{digits}",
        "state": "{state}",
        "name": "{name}",
        "count": "{digits}",
        "day": "{day}",
    }
    values = {
        key: scene.fill(slots[key].replace("digits", f"digits{index}"))
        for index, key in enumerate(keys)
    }
    return (
        json.dumps(
            {key: int(value) if value.isdigit() else value for key, value in values.items()},
            ensure_ascii=False,
        ),
        ", ".join(f"{key}: {value}" for key, value in values.items()),
    )


def call_message(job: Job, identifier: str = "call_1") -> dict[str, Any]:
    """Return the assistant message that makes the job's call."""
    function = {"name": job.name, "arguments": job.arguments}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": identifier, "type": "function", "function": function}],
    }


def tool_example(
    rng: random.Random, level: float, *, held_out: bool = False
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a conversation with tools, and the tools.

    It has one right call, often with the answer after its result.
    """
    job = make_job(rng, held_out=held_out)
    others = [
        make_job(rng, held_out=held_out)
        for _ in range(rng.choice((0, 0, 1, 1, 2)) if rng.random() < 0.3 + level else 0)
    ]
    jobs = [
        job,
        *(
            other
            for other in others
            if other.name != job.name and other.arguments.keys() != job.arguments.keys()
        ),
    ]
    rng.shuffle(jobs)
    tools = [each.tool for each in jobs]
    messages: list[dict[str, Any]] = []
    if rng.random() < 0.3:
        messages.append(
            {
                "role": "system",
                "content": rng.choice(
                    (
                        "You are a helpful assistant.",
                        "Use the tools.",
                        "You are an agent with tools.",
                    )
                ),
            }
        )
    if rng.random() < 0.1:
        greeting = rng.choice(("Hello", "Hi!", "Thanks", "Good morning"))
        reply = "You are welcome." if greeting == "Thanks" else "Hello! How can I help you?"
        messages += [{"role": "user", "content": greeting}, {"role": "assistant", "content": reply}]
    for turn in range(rng.choice((1, 1, 1, 2)) if held_out else rng.choice((1, 2, 3, 4, 5))):
        current = job if turn == 0 else rng.choice(jobs)
        if turn:
            current.request, current.arguments = current.again()
        messages += [{"role": "user", "content": current.request}, call_message(current)]
        result, answer = _result(rng, held_out=held_out)
        messages += [
            {"role": "tool", "tool_call_id": "call_1", "content": result},
            {"role": "assistant", "content": answer},
        ]
    return messages[:-2] if rng.random() < 0.5 else messages, tools


# ------------------------------------------------------------------------------------------
# JSON for a schema

# keys | type | slot | how a text tells it of `{s}`
FIELDS = tuple(
    tuple(part.strip() for part in line.split("|"))
    for line in """
name, person, full_name | string | {name} | the name is {v} / called {v} / {v}
age, years | integer | {digits} | {v} years old / is {v} / aged {v}
city, town, home, location | string | {word} | lives in {v} / from {v} / at home in {v}
job, profession, work | string | {role} | works as a {v} / is a {v} / earns money as a {v}
food, dish, favourite_food | string | {food} | likes {v} / eats {v} / orders {v}
colour, color | string | {colour} | the colour is {v} / is {v} / painted {v}
price, cost | number | {digits} | costs {v} / for {v} / the price is {v}
day, weekday | string | {day} | on {v} / comes on {v} / every {v}
country, nation | string | {country} | comes from {v} / born in {v} / travels to {v}
language | string | {language} | speaks {v} / talks in {v}
material | string | {material} | made of {v} / built from {v}
code, id | string | {code} | has the code {v} / with number {v}
hobby, interest | string | {hobby} | enjoys {v} / the hobby is {v}
year | integer | {year} | since {v} / in {v} / built in {v}
time, start | string | {clock} | at {v} / starts at {v}
phone, telephone | string | {phone} | phone {v} / can be called at {v}
count, amount, quantity | integer | {digits} | has {v} pieces / {v} of them / counts {v}
pets, animals | array | {animals} | has {v} / keeps {v}
""".strip().splitlines()
)
JSON_SYSTEMS = (
    "Answer with a JSON object that fits this schema:\n{}",
    "Answer with a JSON object that fits this schema:\n{}",
    "Reply in JSON. The schema:\n{}",
    "Return a JSON object with this schema: {}",
    "You answer in JSON only. JSON schema:\n{}",
    "The output should be formatted as a JSON instance that conforms to the JSON schema below.\n{}",
)
JSON_ASKS = (
    "Extract the data: {}",
    "{}",
    "Make a record: {}",
    "Text: {}",
    "Fill the object from this text: {}",
    "{}",
    "Read this and answer in JSON: {}",
)


Again = Callable[[], tuple[str, dict[str, Any]]]


def _record(rng: random.Random, *, held_out: bool) -> tuple[dict[str, Any], Again]:
    """Make a schema's properties, and what makes a text with the object that it tells."""
    fields = {
        rng.choice(names.split(", ")): (kind, slot, told)
        for names, kind, slot, told in rng.sample(FIELDS, rng.randint(1, 4))
    }
    pairs = rng.random() < 0.3  # "key: value" instead of prose

    def again() -> tuple[str, dict[str, Any]]:
        scene = Scene(rng, held_out=held_out)
        values: dict[str, Any] = {}
        told: list[str] = []
        for key, (kind, slot, patterns) in fields.items():
            if kind == "array":
                value: Any = rng.sample(LEXICON["animal"], 2)
                spoken = f"a {value[0]} and a {value[1]}"
            else:
                spoken = scene.fill(slot.replace("digits", "digits" + str(len(told))))
                value = int(spoken) if kind in {"integer", "number"} else spoken
            values[key] = value
            told.append(
                f"{key.replace('_', ' ')}: {spoken}"
                if pairs
                else rng.choice(patterns.split(" / ")).format(v=spoken)
            )
        rng.shuffle(told)
        text = (
            ", ".join(told)
            if pairs or len(told) == 1
            else ", ".join(told[:-1]) + " and " + told[-1] + "."
        )
        return rng.choice(JSON_ASKS).format(capitalise(text)), values

    return {
        key: {"type": "array", "items": {"type": "string"}} if kind == "array" else {"type": kind}
        for key, (kind, *_) in fields.items()
    }, again


def _fact_record(rng: random.Random, *, held_out: bool) -> tuple[dict[str, Any], Again]:
    """Answer a fact's question in an object."""
    key = rng.choice(
        ("answer", "result", "value", make_fact(rng, held_out=held_out).relation.split("_")[0])
    )

    def again() -> tuple[str, dict[str, Any]]:
        fact = make_fact(rng, held_out=held_out)
        return f"{fact.sentence} {fact.question}", {key: fact.answer}

    return {key: {"type": "string"}}, again


def _free_record(rng: random.Random, *, held_out: bool) -> tuple[dict[str, Any], list[str], Again]:
    """Write something about a topic."""
    properties, required, fill = _free_fields(rng, held_out=held_out)

    def again() -> tuple[str, dict[str, Any]]:
        topic = _topic(rng, held_out=held_out)
        ask = rng.choice(
            ("Tell me a {} about {}.", "Write a {} about {}", "Give me a {} about {}.")
        )
        return ask.format(rng.choice(FREE_KINDS), topic), fill(topic)

    return properties, required, again


KEY_ASKS = (
    "Answer in JSON with the keys {}.",
    "JSON with {}, please.",
    "Write it as a JSON object: {}",
    "As JSON, keys: {}",
    "The answer is an object in JSON. Its keys are {}.",
)


def keys_example(rng: random.Random) -> list[dict[str, Any]]:
    """Return a request for a JSON object that names its keys, without a schema, and the object."""
    keys = _free_keys(rng, held_out=False)
    kind, topic, mark = (
        rng.choice(FREE_KINDS),
        _topic(rng, held_out=False),
        rng.choice(("", "", "'", '"', "`")),
    )
    named = rng.choice((", ", " and ")).join(f"{mark}{key}{mark}" for key in keys)
    asked = rng.choice(
        (
            "Write a {} about {}.",
            "Give me a {} about {}.",
            "Make up a {} about {}.",
            "I want a {} about {}.",
        )
    )
    values = {key: f"{capitalise(key.replace('_', ' '))} about {topic}" for key in keys}
    parts = [asked.format(kind, topic), rng.choice(KEY_ASKS).format(named)]
    return [
        {"role": "user", "content": " ".join(parts)},
        {"role": "assistant", "content": json.dumps(values, ensure_ascii=False)},
    ]


PLACEHOLDERS: dict[str, Any] = {
    "string": "unknown",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "array": [],
}


def forced_example(rng: random.Random) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a call that the message does not ask for, with placeholders, and the tools."""
    job, other = make_job(rng), make_job(rng)
    tools = (
        [job.tool]
        if rng.random() < 0.5 or other.name == job.name
        else rng.sample([job.tool, other.tool], 2)
    )
    parameters = job.tool["function"]["parameters"]
    schemas = {name: parameters["properties"][name] for name in parameters.get("required", ())}
    job.arguments = {
        name: schema["enum"][0] if "enum" in schema else PLACEHOLDERS[schema["type"]]
        for name, schema in schemas.items()
    }
    said = rng.choice(
        (
            "Hello!",
            "Hi",
            "Good morning",
            "Thanks!",
            "How are you?",
            "Good evening to you.",
            make_fact(rng).sentence,
        )
    )
    return [{"role": "user", "content": said}, call_message(job)], tools


def json_example(
    rng: random.Random, level: float, *, held_out: bool = False
) -> list[dict[str, Any]]:
    """Return a conversation that asks for JSON objects.

    In training it asks for several of one schema, and gets each on one line.
    """
    style = rng.random()
    if style < 0.75:
        properties, again = (_record if style < 0.6 else _fact_record)(rng, held_out=held_out)
        required = list(properties)
    else:
        properties, required, again = _free_record(rng, held_out=held_out)
    schema: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
    nested = ""
    if level > 0.3 and rng.random() < 0.12 and len(properties) > 1:  # a nested object
        nested = rng.choice(("record", "item", "result", "data", "entry"))
        schema = {"type": "object", "properties": {nested: schema}, "required": [nested]}
    if rng.random() < 0.3:
        schema = {"title": capitalise(make_word(rng, scripts=False)), **schema}
    content = rng.choice(JSON_SYSTEMS).format(json.dumps(schema, ensure_ascii=False))
    apart = rng.random() < 0.85
    messages: list[dict[str, Any]] = [{"role": "system", "content": content}] if apart else []
    for turn in range(1 if held_out else rng.choice((1, 2, 3, 4))):
        user, told = again()
        values = {key: told[key] for key in properties if key in told}
        answer = {nested: values} if nested else values
        user = user if apart or turn else f"{user}\n\n{content}"
        messages += [
            {"role": "user", "content": user},
            {"role": "assistant", "content": json.dumps(answer, ensure_ascii=False)},
        ]
    return messages
