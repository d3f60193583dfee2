"""Everyday questions that hardly any index answers: `threshold.calibrate` measures an index with them.

They are about many subjects on purpose, so that an index that answers some of them does not answer
most.
"""

from typing import Final

from langchain_localllm.rag.index.text_search import separated

_ENGLISH: Final = """
Who painted the ceiling of the chapel?
How long does it take to boil a goose egg?
Which vitamins are in carrots?
Why do cats purr when they sleep?
How many strings does a cello have?
What does a plumber charge for an hour?
Where can I rent a kayak for the weekend?
Which king had six wives?
How do bees find their way back to the hive?
When does the next bus to the airport leave?
Who invented the zipper?
How often should tomatoes be watered in summer?
Which actor played the detective in the film?
What is the boiling point of mercury?
How much does an adult elephant weigh?
Who wrote the poem about the raven?
In which year did the volcano erupt for the last time?
What is the capital of Mongolia?
Which planets have rings?
How do I get red wine stains out of a carpet?
What time does the bakery open on Sundays?
Who was the first woman to fly across the Atlantic?
How many calories are in a banana?
Which language is spoken in Suriname?
How do I change a bicycle tire?
What happened to the crew of the ship?
Who is the patron saint of sailors?
How are pearls formed?
Which team scored the most goals this season?
What are the symptoms of measles?
When is the deadline for the tax return?
What do hedgehogs eat in winter?
Why is the sky red in the evening?
How many players are on a handball team?
What is the difference between a frog and a toad?
Which mushrooms are poisonous?
What is the salary of a nurse?
When did the bridge collapse?
How is cheese made from goat milk?
What is the melting point of copper?
Which countries border Paraguay?
How do I teach my dog to sit?
What is the best season to plant garlic?
Who owns the hotel at the harbor?
What causes hiccups?
Which river flows through Vienna?
Who sang the song about the yellow river?
How do whales sleep?
Which metal is liquid at room temperature?
How do I renew my passport?
Who discovered penicillin?
What did the mayor say about the new school?
How fast can a cheetah run?
What is the name of the dog in the story?
Why did the company close its factory?
What are the rules of badminton?
Which bird lays the largest eggs?
What is the speed limit on country roads in Poland?
How many bones are in the human hand?
Who founded the monastery?
What kind of wood is used for violins?
How can I lower my heating bill?
Who stole the painting from the museum?
Which spices go into a curry?
"""
_GERMAN: Final = """
Wer hat die Decke der Kapelle bemalt?
Wie lange muss ein Gänseei kochen?
Welche Vitamine sind in Karotten?
Warum schnurren Katzen im Schlaf?
Wie viele Saiten hat ein Cello?
Was kostet ein Klempner in der Stunde?
Wo kann ich am Wochenende ein Kajak mieten?
Welcher König hatte sechs Frauen?
Wann fährt der nächste Bus zum Flughafen?
Wer hat den Reißverschluss erfunden?
Wie oft sollte man Tomaten im Sommer gießen?
Was ist der Siedepunkt von Quecksilber?
Wie viel wiegt ein ausgewachsener Elefant?
In welchem Jahr ist der Vulkan zuletzt ausgebrochen?
Was ist die Hauptstadt der Mongolei?
Wie bekomme ich Rotweinflecken aus dem Teppich?
Wann öffnet die Bäckerei am Sonntag?
Wie viele Kalorien hat eine Banane?
Welche Sprache wird in Surinam gesprochen?
Was ist mit der Mannschaft des Schiffes geschehen?
Wie entstehen Perlen?
Was sind die Anzeichen von Masern?
Was fressen Igel im Winter?
Warum ist der Himmel am Abend rot?
Welche Pilze sind giftig?
Wann ist die Brücke eingestürzt?
Wie wird Käse aus Ziegenmilch gemacht?
Wie bringe ich meinem Hund bei, sich zu setzen?
Wem gehört das Hotel am Hafen?
Was sind die Regeln von Badminton?
Wie kann ich meine Heizkosten senken?
Wer hat das Gemälde aus dem Museum gestohlen?
"""
_FRENCH: Final = """
Qui a peint le plafond de la chapelle ?
Combien de temps faut-il pour cuire un œuf d'oie ?
Quelles vitamines y a-t-il dans les carottes ?
Pourquoi les chats ronronnent-ils en dormant ?
Combien de cordes a un violoncelle ?
Quel est le tarif horaire d'un plombier ?
Où puis-je louer un kayak pour le week-end ?
Quel roi a eu six femmes ?
À quelle heure part le prochain bus pour l'aéroport ?
Qui a inventé la fermeture éclair ?
À quelle fréquence faut-il arroser les tomates en été ?
Quel est le point d'ébullition du mercure ?
Combien pèse un éléphant adulte ?
En quelle année le volcan est-il entré en éruption pour la dernière fois ?
Quelle est la capitale de la Mongolie ?
Comment enlever des taches de vin rouge sur un tapis ?
À quelle heure ouvre la boulangerie le dimanche ?
Combien de calories y a-t-il dans une banane ?
Quelle langue parle-t-on au Suriname ?
Qu'est-il arrivé à l'équipage du navire ?
Comment se forment les perles ?
Quels sont les symptômes de la rougeole ?
Que mangent les hérissons en hiver ?
Pourquoi le ciel est-il rouge le soir ?
Quels champignons sont toxiques ?
Quand le pont s'est-il effondré ?
Comment fait-on du fromage de chèvre ?
Comment apprendre à mon chien à s'asseoir ?
À qui appartient l'hôtel du port ?
Quelles sont les règles du badminton ?
Comment réduire ma facture de chauffage ?
Qui a volé le tableau du musée ?
"""
_SPANISH: Final = """
¿Quién pintó el techo de la capilla?
¿Cuánto tarda en cocerse un huevo de ganso?
¿Qué vitaminas tienen las zanahorias?
¿Por qué ronronean los gatos cuando duermen?
¿Cuántas cuerdas tiene un violonchelo?
¿Cuánto cobra un fontanero por hora?
¿Dónde puedo alquilar un kayak para el fin de semana?
¿Qué rey tuvo seis esposas?
¿Cuándo sale el próximo autobús al aeropuerto?
¿Quién inventó la cremallera?
¿Con qué frecuencia hay que regar los tomates en verano?
¿Cuál es el punto de ebullición del mercurio?
¿Cuánto pesa un elefante adulto?
¿En qué año entró en erupción el volcán por última vez?
¿Cuál es la capital de Mongolia?
¿Cómo se quitan las manchas de vino tinto de una alfombra?
¿A qué hora abre la panadería los domingos?
¿Cuántas calorías tiene un plátano?
¿Qué idioma se habla en Surinam?
¿Qué le pasó a la tripulación del barco?
¿Cómo se forman las perlas?
¿Cuáles son los síntomas del sarampión?
¿Qué comen los erizos en invierno?
¿Por qué el cielo es rojo por la tarde?
¿Qué setas son venenosas?
¿Cuándo se derrumbó el puente?
¿Cómo se hace el queso de cabra?
¿Cómo enseño a mi perro a sentarse?
¿De quién es el hotel del puerto?
¿Cuáles son las reglas del bádminton?
¿Cómo puedo reducir la factura de la calefacción?
¿Quién robó el cuadro del museo?
"""
_ITALIAN: Final = """
Chi ha dipinto il soffitto della cappella?
Quanto tempo ci vuole per cuocere un uovo d'oca?
Quali vitamine ci sono nelle carote?
Perché i gatti fanno le fusa quando dormono?
Quante corde ha un violoncello?
Quanto chiede un idraulico all'ora?
Dove posso noleggiare un kayak per il fine settimana?
Quale re ebbe sei mogli?
Quando parte il prossimo autobus per l'aeroporto?
Chi ha inventato la cerniera lampo?
Ogni quanto si devono innaffiare i pomodori in estate?
Qual è il punto di ebollizione del mercurio?
Quanto pesa un elefante adulto?
In che anno il vulcano ha eruttato per l'ultima volta?
Qual è la capitale della Mongolia?
Come si tolgono le macchie di vino rosso dal tappeto?
A che ora apre il panificio la domenica?
Quante calorie ha una banana?
Che lingua si parla in Suriname?
Che cosa è successo all'equipaggio della nave?
Come si formano le perle?
Quali sono i sintomi del morbillo?
Che cosa mangiano i ricci in inverno?
Perché il cielo è rosso di sera?
Quali funghi sono velenosi?
Quando è crollato il ponte?
Come si fa il formaggio di capra?
Come insegno al mio cane a sedersi?
Di chi è l'albergo del porto?
Quali sono le regole del badminton?
Come posso ridurre la bolletta del riscaldamento?
Chi ha rubato il quadro dal museo?
"""
_PORTUGUESE: Final = """
Quem pintou o teto da capela?
Quanto tempo leva para cozinhar um ovo de ganso?
Quais vitaminas existem nas cenouras?
Por que os gatos ronronam quando dormem?
Quantas cordas tem um violoncelo?
Quanto cobra um encanador por hora?
Onde posso alugar um caiaque para o fim de semana?
Qual rei teve seis esposas?
Quando sai o próximo ônibus para o aeroporto?
Quem inventou o zíper?
Com que frequência se deve regar os tomates no verão?
Qual é o ponto de ebulição do mercúrio?
Quanto pesa um elefante adulto?
Em que ano o vulcão entrou em erupção pela última vez?
Qual é a capital da Mongólia?
Como tirar manchas de vinho tinto do tapete?
A que horas a padaria abre aos domingos?
Quantas calorias tem uma banana?
Que língua se fala no Suriname?
O que aconteceu com a tripulação do navio?
Como se formam as pérolas?
Quais são os sintomas do sarampo?
O que os ouriços comem no inverno?
Por que o céu fica vermelho à tarde?
Quais cogumelos são venenosos?
Quando a ponte desabou?
Como se faz o queijo de cabra?
Como ensino o meu cachorro a sentar?
De quem é o hotel do porto?
Quais são as regras do badminton?
Como posso reduzir a conta do aquecimento?
Quem roubou o quadro do museu?
"""
_RUSSIAN: Final = """
Кто расписал потолок часовни?
Сколько времени варится гусиное яйцо?
Какие витамины есть в моркови?
Почему кошки мурлычут во сне?
Сколько струн у виолончели?
Сколько берёт сантехник за час работы?
Где можно взять каяк напрокат на выходные?
У какого короля было шесть жён?
Когда отходит следующий автобус в аэропорт?
Кто изобрёл застёжку-молнию?
Как часто нужно поливать помидоры летом?
Какая температура кипения у ртути?
Сколько весит взрослый слон?
В каком году вулкан извергался в последний раз?
Какой город является столицей Монголии?
Как вывести пятна красного вина с ковра?
Во сколько открывается пекарня в воскресенье?
Сколько калорий в банане?
На каком языке говорят в Суринаме?
Что случилось с экипажем корабля?
Как образуется жемчуг?
Какие симптомы у кори?
Что едят ежи зимой?
Почему вечером небо красное?
Какие грибы ядовиты?
Когда обрушился мост?
Как делают сыр из козьего молока?
Как научить собаку сидеть?
Кому принадлежит гостиница у порта?
Какие правила в бадминтоне?
Как снизить счёт за отопление?
Кто украл картину из музея?
"""  # noqa: RUF001 - Cyrillic letters are meant
_CHINESE: Final = """
教堂的天花板是谁画的?
煮熟一个鹅蛋需要多长时间?
胡萝卜里有哪些维生素?
猫睡觉时为什么会打呼噜?
大提琴有几根弦?
水管工一个小时收多少钱?
周末在哪里可以租皮划艇?
哪个国王有六个妻子?
下一班去机场的公共汽车什么时候开?
拉链是谁发明的?
夏天番茄应该多久浇一次水?
水银的沸点是多少?
一头成年大象有多重?
火山最后一次喷发是在哪一年?
蒙古的首都是哪里?
怎样去掉地毯上的红酒渍?
面包店星期天几点开门?
一根香蕉有多少卡路里?
苏里南说什么语言?
船上的船员怎么样了?
珍珠是怎样形成的?
麻疹有什么症状?
刺猬冬天吃什么?
为什么傍晚的天空是红色的?
哪些蘑菇有毒?
那座桥是什么时候倒塌的?
山羊奶酪是怎么做的?
怎样教我的狗坐下?
港口的旅馆是谁的?
羽毛球的规则是什么?
我怎样才能降低取暖费?
谁从博物馆偷走了那幅画?
"""
_JAPANESE: Final = """
礼拝堂の天井は誰が描きましたか?
ガチョウの卵をゆでるのに何分かかりますか?
にんじんにはどのビタミンが含まれていますか?
猫はなぜ眠るときに喉を鳴らすのですか?
チェロには弦が何本ありますか?
配管工の料金は一時間いくらですか?
週末にカヤックを借りられる場所はどこですか?
六人の妻がいた王は誰ですか?
空港行きの次のバスは何時に出ますか?
ファスナーを発明したのは誰ですか?
夏にはトマトにどのくらい水をやればよいですか?
水銀の沸点は何度ですか?
大人の象の体重はどのくらいですか?
その火山が最後に噴火したのは何年ですか?
モンゴルの首都はどこですか?
じゅうたんの赤ワインの染みはどうすれば取れますか?
パン屋は日曜日の何時に開きますか?
バナナのカロリーはどのくらいですか?
スリナムでは何語が話されていますか?
船の乗組員はどうなりましたか?
真珠はどのようにしてできますか?
はしかの症状は何ですか?
ハリネズミは冬に何を食べますか?
夕方の空はなぜ赤いのですか?
どのきのこに毒がありますか?
橋はいつ崩れましたか?
ヤギのチーズはどうやって作りますか?
犬にお座りを教えるにはどうすればよいですか?
港のホテルは誰のものですか?
バドミントンのルールは何ですか?
暖房費を下げるにはどうすればよいですか?
美術館からその絵を盗んだのは誰ですか?
"""
QUESTIONS: Final[dict[str, list[str]]] = {
    language: text.strip().split("\n")
    for language, text in {
        "en": _ENGLISH,
        "de": _GERMAN,
        "es": _SPANISH,
        "fr": _FRENCH,
        "it": _ITALIAN,
        "ja": _JAPANESE,
        "pt": _PORTUGUESE,
        "ru": _RUSSIAN,
        "zh": _CHINESE,
    }.items()
}
"""ISO 639-1 codes of languages, each with its questions."""
_FREQUENT: Final = 4
"""Questions of a language that a word must be in, to be typical of the language."""


def _words(text: str) -> list[str]:
    return separated(text.lower().replace("'", " ").rstrip("?")).split()


def _typical_words(questions: list[str]) -> set[str]:
    counts: dict[str, int] = {}
    for word in (word for question in questions for word in set(_words(question))):
        counts[word] = counts.get(word, 0) + 1
    return {word for word, count in counts.items() if count >= _FREQUENT}


def questions_like(texts: list[str]) -> list[str]:
    """Return the questions in the language that most of the texts are in.

    English, if `QUESTIONS` does not have that language.

    Example:
        >>> questions_like(["Der Schlüssel hängt an der Tür.", "Das Boot ist blau."])[0]
        'Wer hat die Decke der Kapelle bemalt?'
    """
    words = [word for text in texts for word in _words(text)]
    shares = {
        language: sum(map(_typical_words(questions).__contains__, words))
        for language, questions in QUESTIONS.items()
    }
    return QUESTIONS[max(shares, key=lambda language: shares[language])]
