"""Findings beyond copies and leaks: wrong columns, spellings, cut-off texts, languages.

Every finding has a case in which it is made, and one like it in which it is not.
"""

from __future__ import annotations

import datetime
import json
import random
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli_runs import run
from confined import assert_confined
from satchel.sources.check import CheckResult, check
from satchel.sources.check_labels import PLACEHOLDERS, spelling
from satchel.sources.documents import Documents
from satchel.sources.findings import Code, Finding
from satchel.sources.languages import UNCLEAR, language_of, scripts_of, writing

pytestmark = pytest.mark.fast

WORDS = [
    *("river", "stone", "window", "paper", "garden", "summer"),
    *("winter", "silver", "copper", "yellow", "violet", "engine"),
]


def texts(number: int) -> list[str]:
    """Different texts of five to forty words without a digit."""
    chance = random.Random(0)
    return [" ".join(chance.choices(WORDS, k=chance.randint(5, 40))) for _ in range(number)]


def labelled(labels: list[str], given: list[str] | None = None) -> CheckResult:
    given = texts(len(labels)) if given is None else given
    return check(Documents([f"d{i}" for i in range(len(labels))], given, labels))


def found(result: CheckResult, code: Code) -> Finding | None:
    json.dumps(result.to_dict())
    return next((each for each in result.findings if each.code == code), None)


def spread(values: list[str], number: int = 400) -> list[str]:
    return [values[i % len(values)] for i in range(number)]


@pytest.mark.parametrize(
    ("labels", "code", "severity"),
    [
        ([f"customer-{i}" for i in range(400)], "labels-like-ids", "error"),
        ([f"{i}.5" for i in range(400)], "labels-like-numbers", "error"),
        (spread([f"{i}.25" for i in range(12)]), "labels-like-numbers", "warning"),
        (spread([str(1900 + 5 * i) for i in range(24)]), "labels-like-numbers", "warning"),
        (spread([f"2024-03-{i:02}" for i in range(1, 20)]), "labels-like-dates", "warning"),
        ([str(datetime.date(2000 + i, 1, 1)) for i in range(400)], "labels-like-dates", "error"),
        (spread([f"{word} " * 10 for word in WORDS]), "labels-like-text", "warning"),
        ([f"a long sentence with number {i} in it, " * 2 for i in range(400)],
         "labels-like-text", "error"),
    ],
)  # fmt: skip
def test_a_column_that_is_no_label_is_named_for_what_it_looks_like(
    labels: list[str], code: Code, severity: str
) -> None:
    finding = found(labelled(labels), code)
    assert finding is not None
    assert finding.severity == severity
    assert "Name the column" in finding.advice
    assert found(labelled(labels), "conflicting-labels") is None or severity == "warning"


@pytest.mark.parametrize(
    "values",
    [
        ["1", "2", "3", "4", "5"],
        [str(i) for i in range(20)],
        [str(i) for i in range(1, 31)],
        ["0.0", "1.0"],
        ["2019", "2020", "2021"],
        [f"class {i}" for i in range(30)],
        [f"news about {word} and other matters" for word in WORDS],
    ],
)
def test_ratings_and_numbers_of_classes_are_labels(values: list[str]) -> None:
    result = labelled(spread(values, 40 * len(values)))
    assert not [each for each in result.findings if each.code.startswith("labels-like")]


def test_labels_that_look_alike_are_named_with_counts_most_frequent_first() -> None:
    labels = ["Sport"] * 40 + ["sport"] * 60 + ["ｓport"] * 10 + ["spo\u00adrt"] * 12 + ["x"] * 50
    finding = found(labelled(labels), "label-spellings")
    assert finding is not None
    assert finding.severity == "warning"
    assert finding.examples == ("'sport' (60) / 'Sport' (40) / 'spo\\xadrt' (12) / 'ｓport' (10)",)
    assert "Merge them" in finding.advice
    assert found(labelled(spread(["sport", "sports car", "S port"])), "label-spellings") is None


@given(st.text(max_size=8))
def test_a_spelling_has_one_form(label: str) -> None:
    once = spelling(label)
    assert spelling(once) == once
    assert spelling(f" {label}\ufeff ") == once
    assert spelling(label.upper().lower()) == spelling(label.upper())


@pytest.mark.parametrize(
    "rare", ["technolgy", "technologyy", "tecnology", "technolohy", "technoloyg", "Xtechnology"]
)
def test_a_rare_label_one_letter_from_a_frequent_one_is_a_note(rare: str) -> None:
    finding = found(labelled(["technology"] * 300 + ["politics"] * 100 + [rare] * 12),
                    "similar-labels")  # fmt: skip
    assert finding is not None
    assert finding.severity == "note"
    assert finding.examples == (f"'{rare}' (12) / 'technology' (300)",)


@pytest.mark.parametrize("rare", ["technologies", "part 2", "part 12", "biology", "politics"])
def test_other_labels_are_not(rare: str) -> None:
    labels = ["technology"] * 300 + ["part 1"] * 300 + [rare] * 12
    assert found(labelled(labels), "similar-labels") is None
    both = ["technology"] * 100 + ["technolgy"] * 100
    assert found(labelled(both), "similar-labels") is None


@pytest.mark.parametrize("label", ["None", "NA", "null", "N/A", "-", "unknown", "NaN", "?"])
def test_labels_that_may_stand_for_none_are_named(label: str) -> None:
    assert label.lower() in PLACEHOLDERS
    finding = found(labelled(["spam"] * 50 + ["ham"] * 50 + [label] * 12), "placeholder-labels")
    assert finding is not None
    assert finding.severity == "note"
    assert finding.message == (
        f"12 documents are labelled '{label}': that is taken as a class of its own."
    )


def test_a_class_of_nearly_all_documents_is_a_warning() -> None:
    finding = found(labelled(["a"] * 480 + ["b"] * 20), "dominant-class")
    assert finding is not None
    assert finding.message.startswith("96.0% of the documents have the label 'a'")
    assert found(labelled(["a"] * 470 + ["b"] * 30), "dominant-class") is None
    several = Documents(
        [str(i) for i in range(400)], texts(400), [("a", "bc"[i % 2]) for i in range(400)]
    )
    assert found(check(several), "dominant-class") is not None


@pytest.mark.parametrize("limit", [255, 280, 1000, 137])
def test_texts_that_end_at_a_limit_are_found(limit: int) -> None:
    long = [" ".join(random.Random(i).choices(WORDS, k=3 + i % 250))[:limit] for i in range(400)]
    finding = found(labelled(spread(["a", "b"]), long), "cut-off-texts")
    assert finding is not None
    assert f"end at {limit:,} characters, and none is longer: they look cut off" in finding.message


def test_one_full_cell_of_excel_is_found_and_a_limit_of_bytes() -> None:
    usual = texts(399)
    finding = found(labelled(spread(["a", "b"]), ["x y" * 20_000, *usual]), "cut-off-texts")
    assert finding is None
    finding = found(labelled(spread(["a", "b"]), [("word " * 9999)[:32_767], *usual]),
                    "cut-off-texts")  # fmt: skip
    assert finding is not None
    assert (
        finding.message
        == "1 document ends at 32,767 characters, and none is longer: it looks cut off."
    )
    cut = [
        ("é" * (i % 8 + 1) + usual[i] * 9).encode()[:1000].decode(errors="ignore")
        for i in range(399)
    ]
    finding = found(labelled(spread(["a", "b"], 399), cut), "cut-off-texts")
    assert finding is not None
    assert "1,000 bytes" in finding.message


def test_texts_of_their_own_lengths_are_not_cut_off() -> None:
    assert found(labelled(spread(["a", "b"])), "cut-off-texts") is None
    alike = [
        f"{WORDS[i % 12]} number {i:06} of the list of things that there are" for i in range(400)
    ]
    assert found(labelled(spread(["a", "b"]), alike), "cut-off-texts") is None
    copies = [*texts(300), *["one long text that comes again and again " * 12] * 100]
    assert found(labelled(spread(["a", "b"]), copies), "cut-off-texts") is None


def test_a_text_column_of_numbers_dates_or_identifiers_is_a_warning() -> None:
    labels = spread(["a", "b"])
    for some, code in (
        ([str(i * 37) for i in range(400)], "texts-like-numbers"),
        ([f"{i % 28 + 1}.3.2024" for i in range(400)], "texts-like-numbers"),
        ([f"TCK-{i:06}" for i in range(400)], "texts-like-ids"),
    ):
        finding = found(labelled(labels, some), code)
        assert finding is not None
        assert finding.severity == "warning"
        assert (
            len([each for each in labelled(labels, some).findings if "texts-like" in each.code])
            == 1
        )
    for some in (spread(["好的", "再见了朋友"]), spread(WORDS), texts(400), spread(["B2", "A1"])):
        codes = [each.code for each in labelled(labels, some).findings]
        assert "texts-like-numbers" not in codes
        assert "texts-like-ids" not in codes


def test_a_document_longer_than_any_other_is_a_note() -> None:
    huge = ["stone " * 20_000, *texts(399)]
    finding = found(labelled(spread(["a", "b"]), huge), "very-long-documents")
    assert finding is not None
    assert finding.examples == ("d0 (120,000)",)
    books = ["stone " * 20_000 + str(i) for i in range(20)]
    assert found(labelled(spread(["a", "b"], 20), books), "very-long-documents") is None


SENTENCES = {
    # The first article of the Universal Declaration of Human Rights.
    "English": "All human beings are born free and equal in dignity and rights. They are endowed "
    "with reason and conscience and should act towards one another in a spirit of brotherhood.",
    "German": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit "
    "Vernunft und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "French": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont "
    "doués de raison et de conscience et doivent agir les uns envers les autres dans un esprit de "
    "fraternité.",
    "Spanish": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados "
    "como están de razón y conciencia, deben comportarse fraternalmente los unos con los otros.",
    "Portuguese": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. "
    "Dotados de razão e de consciência, devem agir uns para com os outros em espírito de "
    "fraternidade. Isso não é tudo, mas também já é muito.",
    "Italian": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono "
    "dotati di ragione e di coscienza e devono agire gli uni verso gli altri in spirito di "
    "fratellanza. Questo è il primo articolo della dichiarazione.",
    "Dutch": "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren. Zij zijn "
    "begiftigd met verstand en geweten, en behoren zich jegens elkander in een geest van "
    "broederschap te gedragen.",
    "Swedish": "Alla människor är födda fria och lika i värde och rättigheter. De är utrustade med "
    "förnuft och samvete och bör handla gentemot varandra i en anda av broderskap.",
    "Finnish": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. "
    "Heille on annettu järki ja omatunto, mutta se ei ole kaikki, mitä he ovat saaneet.",
    "Polish": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są "
    "oni obdarzeni rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa, ale "
    "nie jest to wszystko.",
    "Hungarian": "Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Az "
    "emberek, ésszel és lelkiismerettel bírván, egymással szemben testvéri szellemben kell hogy "
    "viseltessenek.",
    "Romanian": "Toate ființele umane se nasc libere și egale în demnitate și în drepturi. Ele "
    "sunt înzestrate cu rațiune și conștiință și trebuie să se comporte unele față de altele.",
    "Turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana "
    "sahiptirler ve birbirlerine karşı kardeşlik zihniyeti ile hareket etmelidirler, ama bu çok "
    "zor bir iş için daha az değil.",
    "Indonesian": "Semua orang dilahirkan merdeka dan mempunyai martabat dan hak-hak yang sama. "
    "Mereka dikaruniai akal dan hati nurani dan hendaknya bergaul satu sama lain dalam semangat "
    "persaudaraan.",
    "Vietnamese": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi. "
    "Mọi con người đều được tạo hóa ban cho lý trí và lương tâm và cần phải đối xử với nhau.",
    "Japanese": "すべての人間は、生まれながらにして自由であり、尊厳と権利とについて平等である。",
    "Chinese": "人人生而自由，在尊严和权利上一律平等。",
    "Korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
    "Cyrillic script": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "Arabic script": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق",
    "Hebrew script": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם",
    "Devanagari script": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता है",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_the_language_of_a_sentence_is_guessed(language: str) -> None:
    text = SENTENCES[language]
    assert language_of(text, scripts_of(text)) == language
    assert language_of(text.upper(), scripts_of(text)) == language


@pytest.mark.parametrize(
    "text", ["OK", "river stone", "u 2 i", "die", "x = y + z", "def main(self): return None"]
)
def test_what_is_not_clear_is_not_guessed(text: str) -> None:
    assert language_of(text, scripts_of(text)) == UNCLEAR


@given(st.lists(st.text(max_size=30), max_size=20))
def test_shares_add_up(some: list[str]) -> None:
    result = writing(some)
    assert result.sample == len(some)
    for shares in (result.scripts, result.languages):
        assert sum(shares.values()) == pytest.approx(1 if shares else 0)
    assert sum(result.clear.values()) == pytest.approx(1 if result.clear else 0)


def test_the_sample_is_bounded_and_spread() -> None:
    many = [SENTENCES["English"] if i < 50_000 else SENTENCES["German"] for i in range(100_000)]
    result = writing(many)
    assert result.sample <= 2_000
    assert result.clear == pytest.approx({"English": 0.5, "German": 0.5}, abs=0.01)


def test_several_languages_are_a_note_and_the_overview_says_which() -> None:
    mixed = [f"{SENTENCES[('English', 'German', 'English')[i % 3]]} {i}" for i in range(300)]
    result = labelled(spread(["a", "b"], 300), mixed)
    finding = found(result, "mixed-languages")
    assert finding is not None
    assert finding.severity == "note"
    assert "English 67%, German 33% of those whose language is clear" in finding.message
    assert "language: English 67%, German 33% (of a sample of 300 documents)" in result.facts()
    one = labelled(spread(["a", "b"], 300), [f"{SENTENCES['English']} {i}" for i in range(300)])
    assert found(one, "mixed-languages") is None
    assert "language: mostly English 100% (of a sample of 300 documents)" in one.facts()
    assert "language: unclear" in labelled(spread(["a", "b"])).facts()


def test_the_overview_counts() -> None:
    some = ["é" * 3, *["abcde"] * 98, "x" * 1_000]
    result = labelled(spread(["a", "b"], 100), some)
    size, *others = result.facts()[:3]
    assert size == (
        "text: 1.5 KB; 5 characters in the median document, 5 to 5 in nine of ten, 1,000 in the "
        "longest, d99"
    )
    assert others == ["labels: a 50, b 50", "script: Latin 100%"]
    many = labelled(spread([f"label {i}" for i in range(150)], 3000))
    assert many.facts()[1].startswith("most frequent labels: label 0 20, label 1 20,")
    assert many.facts()[2].startswith("least frequent labels: label 145 20,")
    facts = result.to_dict()["overview"]
    assert facts["bytes"] == 6 + 5 * 98 + 1000
    assert facts["characters"] == {
        "median": 5, "low": 5, "high": 5, "longest": 1000, "longest_name": "d99",
    }  # fmt: skip


def test_the_test_data_spelled_otherwise_is_told_apart() -> None:
    some = texts(60)
    result = check(some, ["Sport", "x"] * 30, test=["new", "newer"], test_labels=["sport", "y"])
    finding = found(result, "labels-only-in-test")
    assert finding is not None
    assert finding.examples == ("'sport' (1), which training spells 'Sport'", "y (1)")
    leaked = check(
        some, ["a", "b"] * 30, test=[some[0], some[1].upper(), "z"], test_labels=list("abb")
    )
    finding = found(leaked, "test-in-training")
    assert finding is not None
    assert "(1 exactly, 1 except for case, white space or Unicode form)" in finding.message


def test_page_and_help_list_every_code() -> None:
    page = Path(__file__).parents[1] / "docs" / "check.md"
    assert re.findall(r"^\| `([a-z-]+)` \|", page.read_text("utf-8"), re.M) == list(get_args(Code))
    _, _, codes = run("check", "--help").stdout.partition("Codes of findings")
    listed = re.split(r"[\s,]+", codes.partition(":")[2].strip())
    assert {*listed} - {"errors", "either", "warnings", "notes"} == {*get_args(Code)}


LINEAR = """
import random, sys
from satchel.sources.check import check
chance = random.Random(0)
number = int(sys.argv[1])
words = [chr(0x4E00 + i) for i in range(9000)]
texts = ["".join(chance.choices(words, k=8)) for _ in range(number)]
labels = ["label of " + words[i % 9000] for i in range(number)]
result = check(texts, labels, test=texts[: number // 2], test_labels=labels[: number // 2])
print(len(result.findings))
"""


def test_the_cost_is_linear_in_documents_and_labels() -> None:
    # 9,000 labels that one character sets apart, and every test document is in training.
    for number in (12_500, 200_000):
        assert int(assert_confined(LINEAR, str(number), seconds=60, megabytes=3000)) >= 1
