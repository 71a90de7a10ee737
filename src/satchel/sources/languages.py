"""Which scripts and languages a sample of documents is written in.

Scripts follow from the code points of letters. The language of text in Latin script is guessed by
the most common short words of 22 languages, and only named where these are clear; other scripts
name a language where nearly one language alone is written in them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SAMPLE: Final = 2_000
"""Documents that are looked at, evenly spaced."""
CHARACTERS: Final = 1_000
"""Characters of each of them."""
UNCLEAR: Final = "unclear"

_BLOCKS: Final = (
    (0x0041, 0x02AF, "Latin"), (0x0370, 0x03FF, "Greek"), (0x0400, 0x052F, "Cyrillic"),
    (0x0531, 0x058F, "Armenian"), (0x0590, 0x05FF, "Hebrew"), (0x0600, 0x077F, "Arabic"),
    (0x08A0, 0x08FF, "Arabic"), (0x0900, 0x097F, "Devanagari"), (0x0980, 0x09FF, "Bengali"),
    (0x0A00, 0x0A7F, "Gurmukhi"), (0x0A80, 0x0AFF, "Gujarati"), (0x0B00, 0x0B7F, "Odia"),
    (0x0B80, 0x0BFF, "Tamil"), (0x0C00, 0x0C7F, "Telugu"), (0x0C80, 0x0CFF, "Kannada"),
    (0x0D00, 0x0D7F, "Malayalam"), (0x0D80, 0x0DFF, "Sinhala"), (0x0E00, 0x0E7F, "Thai"),
    (0x0E80, 0x0EFF, "Lao"), (0x0F00, 0x0FFF, "Tibetan"), (0x1000, 0x109F, "Myanmar"),
    (0x10A0, 0x10FF, "Georgian"), (0x1100, 0x11FF, "Hangul"), (0x1200, 0x139F, "Ethiopic"),
    (0x1780, 0x17FF, "Khmer"), (0x1E00, 0x1EFF, "Latin"), (0x1F00, 0x1FFF, "Greek"),
    (0x2E80, 0x2FDF, "Han"), (0x3005, 0x3007, "Han"), (0x3040, 0x30FF, "Hiragana/Katakana"),
    (0x3130, 0x318F, "Hangul"), (0x31F0, 0x31FF, "Hiragana/Katakana"), (0x3400, 0x9FFF, "Han"),
    (0xA640, 0xA69F, "Cyrillic"), (0xAC00, 0xD7FF, "Hangul"), (0xF900, 0xFAFF, "Han"),
    (0xFB00, 0xFB06, "Latin"), (0xFB1D, 0xFB4F, "Hebrew"), (0xFB50, 0xFDFF, "Arabic"),
    (0xFE70, 0xFEFF, "Arabic"), (0xFF21, 0xFF5A, "Latin"), (0xFF66, 0xFF9F, "Hiragana/Katakana"),
    (0x20000, 0x3FFFF, "Han"),
)  # fmt: skip
_STARTS: Final = [start for start, _, _ in _BLOCKS]

_LANGUAGE_OF_SCRIPT: Final = {
    "Greek": "Greek", "Armenian": "Armenian", "Tamil": "Tamil", "Telugu": "Telugu",
    "Kannada": "Kannada", "Malayalam": "Malayalam", "Sinhala": "Sinhala", "Thai": "Thai",
    "Lao": "Lao", "Georgian": "Georgian", "Hangul": "Korean", "Khmer": "Khmer", "Han": "Chinese",
    "Hiragana/Katakana": "Japanese", "Gujarati": "Gujarati",
}  # fmt: skip

_COMMON_WORDS: Final = {
    "English": "the of and to in is that for it was on are with as i be this have from or had by "
    "not but what all were when we there can an your which their said if do will each about how "
    "up out them then she many some so these would other into has more her him you my",
    "German": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als "
    "auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über "
    "einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde ich wir",
    "French": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se "
    "ce il sont la avec son mais comme ou elle leur été cette ont aux nous vous je tout fait "
    "être c'est qu'il d'un d'une deux même ses très sans",
    "Spanish": "de la que el en y a los del se las por un para con no una su al lo como más pero "
    "sus le ya o este sí porque esta entre cuando muy sin sobre también me hasta hay donde quien "
    "desde todo nos durante todos uno les ni contra otros ese eso había es son fue",
    "Portuguese": "de a o que e do da em um para é com não uma os no se na por mais as dos como "
    "mas foi ao ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela "
    "até isso ela entre era depois sem mesmo aos ter seus são você",
    "Italian": "di e il la che in un a per è una sono non con del si da come le dei nel al della "
    "più alla anche gli delle ma i lo se ha nella o su questo dal era essere cui questa io ho ci "
    "molto quando tutti suo fatto stato tra dopo dell'",
    "Dutch": "de en van het een in is dat op te zijn met voor niet aan er om ook als maar bij dan "
    "hij nog uit door naar heeft hebben over ze zo wordt ik je we worden kan meer geen deze wel "
    "tot moet was werd omdat veel dit of",
    "Swedish": "och i att det som en på är av för med till den har de inte om ett han men var jag "
    "sig från vi så kan hon ska eller nu där när efter vid mot också bara mycket ut alla finns "
    "över blir vara skulle hade",
    "Danish": "og i at det er en til på som for de med den af ikke der har et jeg om var han men "
    "så vi fra kan sig ved hun skal nu eller også efter meget bliver havde være hvor over ud mig "
    "noget alle blev kun hvad selv",
    "Norwegian": "og i det er på som en for til at med av de har den ikke et om jeg var han men så "
    "fra vi kan seg ved skal hun eller nå også etter mye blir hadde være hvor over ut meg noe "
    "alle ble bare hva selv dette",
    "Finnish": "ja on ei että se hän oli joka mutta ovat kun niin myös kuin sen en mitä ole tai "
    "jos vain olen olla nyt jo minä ne hänen mukaan kanssa sitä voi sekä siitä tämä jotka vielä "
    "ollut joita sitten tämän",
    "Polish": "w i na z się nie do to że jest o jak po od za co ale przez dla czy tak są tego ma "
    "przy już tym tylko być może jego było ze też które który także może oraz bardzo kiedy która "
    "gdy jeszcze",
    "Czech": "a v se na je že s o z do to i ve pro jako za by ale po jsou k od jeho tak co byl "
    "jen už které který není také když podle než až má mezi bylo nebo při jsem však ještě",
    "Slovak": "a v sa na je že s o z do to i vo pre ako za by ale po sú k od jeho tak čo bol len "
    "už ktoré ktorý nie aj keď podľa než až má medzi bolo alebo pri som však ešte si",
    "Hungarian": "a az és hogy nem is egy van de ez meg csak azt már ha mint még volt vagy lehet "
    "ki sem minden amely után kell el el ezt össze majd nagyon most mert amit lesz magyar voltak "
    "olyan csak így szerint",
    "Romanian": "de și în a la cu pe că nu care o din un este se pentru mai au fost sunt ce prin "
    "să lui sau dar ca le ar după fi când cum această acest fără foarte între către aceste ale "
    "unei si in sa",
    "Turkish": "ve bir bu da de için ile çok ne daha o gibi olarak kadar olan sonra ben en var ama "
    "değil mi her şey ya diye ki o'nun bana yok biz ise zaman onun veya göre nasıl tüm hiç "
    "oldu olduğu",
    "Croatian": "i u je na se da za su od s a o ne kao ali koji što bi sam iz to nije do ili "
    "koja samo će već sve te biti može nakon prema između zbog kako kada jer ako ima bio tako",
    "Slovenian": "in je v se da na za so ki z ne s pa po tudi kot bi bil od iz pri ali do ni bo "
    "sem lahko več še bilo kako zaradi med samo če bila ta ima kaj kjer zelo ker",
    "Indonesian": "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena "
    "tersebut bisa ada mereka lebih kata tahun sudah atau saat oleh menjadi orang ia telah adalah "
    "seperti sebagai bahwa dapat kita kami anda",
    "Vietnamese": "của và là có không được cho các một trong người với những này đã để khi cũng "
    "từ tôi như về đến còn nhiều ra anh vào năm lại nhưng sẽ rất phải trên đó",
    "Catalan": "de la el i a en que els per les un una amb no és del es al va ser com més però seu "
    "aquest són també o aquesta dels pel ha hi molt quan seva fins això entre sobre on tots ja "
    "havia perquè d'un l'any",
}
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")

_LANGUAGES_OF: dict[str, list[str]] = {}
for _language, _words in _COMMON_WORDS.items():
    # Single letters stand for other things too, such as "u" for "you".
    for _word in dict.fromkeys(word for word in _words.split() if len(word) > 1):
        _LANGUAGES_OF.setdefault(_word, []).append(_language)

_LEAST = 2.0  # words of a language and of no other, or more of those that it shares
_TIMES_SECOND = 1.5


@dataclass(frozen=True)
class Writing:
    """In what a sample of documents is written.

    Attributes:
        sample: Documents that were looked at.
        scripts: Script → share of the sample's letters, largest first.
        languages: Language → share of the sample's documents that have letters, largest first;
            ``unclear`` for those whose language is not clear.
    """

    sample: int
    scripts: dict[str, float]
    languages: dict[str, float]

    @property
    def clear(self) -> dict[str, float]:
        """Language → share of the documents whose language is clear."""
        total = sum(share for name, share in self.languages.items() if name != UNCLEAR)
        return {name: share / total for name, share in self.languages.items() if name != UNCLEAR}


def writing(texts: Sequence[str]) -> Writing:
    """Look at a sample of documents.

    Args:
        texts: The documents.
    """
    step = -(-len(texts) // SAMPLE) or 1
    sample = [texts[place][:CHARACTERS] for place in range(0, len(texts), step)]
    scripts: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    for text in sample:
        own = scripts_of(text)
        scripts.update(own)
        if own:
            languages[language_of(text, own)] += 1
    return Writing(len(sample), _shares(scripts), _shares(languages))


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = counts.total()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {name: count / total for name, count in ordered}


def scripts_of(text: str) -> Counter[str]:
    """Return how many letters of each script a text has."""
    found: Counter[str] = Counter()
    for character, count in Counter(text).items():
        if character.isalpha():
            found[_script(character)] += count
    return found


def _script(letter: str) -> str:
    code = ord(letter)
    place = bisect_right(_STARTS, code) - 1
    return _BLOCKS[place][2] if place >= 0 and code <= _BLOCKS[place][1] else "other"


def language_of(text: str, scripts: Counter[str]) -> str:
    """Return the language of a text, such as ``English``, or ``unclear``.

    Args:
        text: The text.
        scripts: What :func:`scripts_of` returns of it.
    """
    main = max(scripts, key=lambda name: (scripts[name], name))
    kana = scripts["Hiragana/Katakana"]
    if main in ("Han", "Hiragana/Katakana"):
        # Japanese is about half kana; Chinese has none.
        return "Japanese" if 10 * kana >= scripts["Han"] else "Chinese"
    if main != "Latin":
        return _LANGUAGE_OF_SCRIPT.get(main, f"{main} script" if main != "other" else UNCLEAR)
    points: dict[str, float] = {}
    for word in _WORD.findall(text.lower().replace("’", "'")):
        languages = _LANGUAGES_OF.get(word, ())
        for language in languages:
            points[language] = points.get(language, 0.0) + 1 / len(languages)
    ranked = sorted(points.items(), key=lambda item: (-item[1], item[0]))
    if not ranked or ranked[0][1] < _LEAST:
        return UNCLEAR
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    return ranked[0][0] if ranked[0][1] >= _TIMES_SECOND * second else UNCLEAR
