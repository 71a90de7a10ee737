"""Hostile files that attack the manifest; all else in them is consistent."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from hostile.attempts import attempt
from hostile.building import Entry, container, entries, resealed, unpacked, with_manifest
from hostile.small_models import linear, network

MANIFEST = "manifest.json"
ARRAYS = "arrays.safetensors"


def edited(edit: Callable[[dict[str, Any]], object]) -> bytes:
    return resealed(linear(), edit)


def replaced(old: bytes, new: bytes) -> bytes:
    """The good file with some bytes of its manifest replaced."""

    def rewrite(manifest: bytes) -> bytes:
        assert old in manifest
        return manifest.replace(old, new, 1)

    return with_manifest(linear(), rewrite)


@attempt(MANIFEST, "'task' is a duplicate")
def duplicate_key() -> bytes:
    """States the task twice: JSON readers differ in which one they keep."""
    return replaced(b'"task":"single"', b'"task":"multiple","task":"single"')


@attempt(MANIFEST, "'numpy' is a duplicate")
def duplicate_key_deep_down() -> bytes:
    """States a key twice in a nested object."""
    return replaced(b'"numpy":"2.4.6"', b'"numpy":"1.0","numpy":"2.4.6"')


@attempt(MANIFEST, "unknown field `module`")
def names_code() -> bytes:
    """Names a module and a function to call, as Keras's config.json does."""
    return edited(lambda manifest: manifest.update(module="os", function="system"))


@attempt(MANIFEST, "unknown field `class_name`")
def names_a_layer_class() -> bytes:
    """Names a Lambda layer with code in it."""
    layer = {"kind": "activation", "units": 3, "class_name": "Lambda", "config": "gAN9Lg=="}
    return edited(lambda manifest: manifest["members"][0].update(layers=[layer]))


@attempt(MANIFEST, "unknown field `vocabulary`")
def names_a_path() -> bytes:
    """Names a file or address from which the vocabulary shall be read."""
    return edited(lambda manifest: manifest["views"][0].update(vocabulary="file:///etc/passwd"))


@attempt(MANIFEST, "Invalid enum value")
def names_an_activation() -> bytes:
    """Names an activation by a dotted path, in the hope that it is looked up."""
    layer = {"kind": "activation", "units": 3, "activation": "os.system"}
    return edited(lambda manifest: manifest["members"][0].update(layers=[layer]))


@attempt(MANIFEST, "Invalid enum value")
def brings_a_pattern() -> bytes:
    """Brings a regular expression that takes exponential time as the rule for tokens."""
    return edited(lambda manifest: manifest["views"][0]["features"].update(rules="(a+)+$"))


@attempt(MANIFEST, "words")
def endless_word_n_grams() -> bytes:
    """Asks for word n-grams of a billion words, to keep the processor busy for ever."""
    return edited(lambda manifest: manifest["views"][0]["features"].update(words=10**9))


@attempt(MANIFEST, "characters")
def endless_character_n_grams() -> bytes:
    """Asks for character n-grams of every length."""
    return edited(lambda manifest: manifest["views"][0]["features"].update(characters=[1, 10**9]))


@attempt(MANIFEST, "min_length")
def words_of_any_length() -> bytes:
    """Asks for a shortest word that no 64-bit integer holds, to overflow a kernel."""
    return edited(lambda manifest: manifest["views"][0]["features"].update(min_length=2**70))


@attempt(MANIFEST, "has a duplicate part")
def endless_stripping() -> bytes:
    """Has each document's headers stripped a hundred thousand times."""
    return edited(
        lambda manifest: manifest["views"][0]["features"].update(strip=["headers"] * 100_000)
    )


@attempt(MANIFEST, "expected a format from 1 to 2, found 3: install a newer")
def newer_format() -> bytes:
    """Is of a format that is not known yet."""
    return edited(lambda manifest: manifest.update(format=3))


@attempt(MANIFEST, "expected a format from 1 to 2, found 0")
def older_than_the_oldest() -> bytes:
    """Is of a format that never was."""
    return edited(lambda manifest: manifest.update(format=0))


@attempt(MANIFEST, "label_type is a field of a newer format, the file's is 1")
def newer_fields_in_an_old_format() -> bytes:
    """Says that it is of format 1, and has what came with format 2."""
    return edited(lambda manifest: manifest.update(format=1))


@attempt(MANIFEST, r"views\[0\].features.hash_key is a field of a newer format")
def a_key_in_an_old_format() -> bytes:
    """Has a hash key, of which readers of format 1 know nothing: it would answer differently."""

    def edit(manifest: dict[str, Any]) -> None:
        manifest.update(format=1)
        for field in ("label_type", "calibration"):
            manifest.pop(field)
        manifest["training"].pop("history")

    return edited(edit)


@attempt(MANIFEST, r"the field views\[0\].features.hash_key is missing")
def no_key() -> bytes:
    """Has no hash key: the words that collide are known to everybody."""
    return edited(lambda manifest: manifest["views"][0]["features"].pop("hash_key"))


@attempt(MANIFEST, "expected a features.hash_key from 1 to .*, found 0")
def key_of_nothing() -> bytes:
    """Has the key 0, under which all tokens are alike."""
    return edited(lambda manifest: manifest["views"][0]["features"].update(hash_key=0))


@attempt(MANIFEST, "hash_key must be between 0 and")
def key_beyond_the_prime() -> bytes:
    """Has the prime as its key, which is 0 again."""
    return edited(lambda manifest: manifest["views"][0]["features"].update(hash_key=2**61 - 1))


@attempt(MANIFEST, "expected the same features.hash_key for all")
def two_keys() -> bytes:
    """Has another key for each view, so that each document is read anew for each."""
    return resealed(
        network(), lambda manifest: manifest["views"][1]["features"].update(hash_key=77)
    )


@attempt(MANIFEST, "the field label_type is missing")
def no_label_type() -> bytes:
    """Does not say what its labels are."""
    return edited(lambda manifest: manifest.pop("label_type"))


@attempt(MANIFEST, "the field training.history is missing")
def no_history() -> bytes:
    """Leaves a field out that older formats do not have."""
    return edited(lambda manifest: manifest["training"].pop("history"))


@attempt(MANIFEST, "the field thresholds is missing")
def no_thresholds() -> bytes:
    """Leaves a field out, and has each reader fill in what it likes."""
    return edited(lambda manifest: manifest.pop("thresholds"))


@attempt(MANIFEST, "Invalid enum value 'object'")
def labels_of_any_type() -> bytes:
    """Asks for labels of NumPy's type of objects."""
    return edited(lambda manifest: manifest.update(label_type="object"))


@attempt(MANIFEST, "'rec.autos' is not a canonical 'int'")
def labels_that_are_no_numbers() -> bytes:
    """Says that its labels are integers, so that answering fails."""
    return edited(lambda manifest: manifest.update(label_type="int"))


@attempt(MANIFEST, "'1_0' is not a canonical 'int'")
def one_number_in_two_ways() -> bytes:
    """Has one number twice, written in two ways."""
    return edited(lambda manifest: manifest.update(label_type="int", labels=["10", "1_0", "3"]))


@attempt(MANIFEST, "is not a canonical 'int'")
def endless_number() -> bytes:
    """Has an integer of a thousand digits, which take long to read and fit no array."""
    return edited(lambda manifest: manifest.update(label_type="int", labels=["9" * 1000, "1", "2"]))


@attempt(MANIFEST, "fit neither int64 nor uint64")
def numbers_that_fit_no_array() -> bytes:
    """Has integers that NumPy would turn into floats, some of them equal."""
    labels = ["-1", str(2**63), str(2**63 + 1)]
    return edited(lambda manifest: manifest.update(label_type="int", labels=labels))


@attempt(MANIFEST, "'nan' is not a canonical 'float'")
def label_that_is_no_number() -> bytes:
    """Has NaN as a label, which equals nothing, not even itself."""
    return edited(
        lambda manifest: manifest.update(label_type="float", labels=["nan", "1.0", "2.0"])
    )


@attempt(MANIFEST, "are the same number")
def two_zeros() -> bytes:
    """Has zero twice, with either sign."""
    return edited(
        lambda manifest: manifest.update(label_type="float", labels=["0.0", "-0.0", "2.0"])
    )


@attempt(MANIFEST, "'maybe' is not a canonical 'bool'")
def a_third_truth() -> bytes:
    """Has three truth values."""
    return edited(
        lambda manifest: manifest.update(label_type="bool", labels=["True", "False", "maybe"])
    )


@attempt(MANIFEST, "calibration.shift: expected 1 number or one per label, found 2")
def calibration_of_other_labels() -> bytes:
    """Has shifts for other labels than it has."""
    return edited(lambda manifest: manifest.update(calibration={"scale": [1], "shift": [1, 2]}))


@attempt(MANIFEST, "scales and shifts of at most 1e\\+09, found 2e\\+09")
def endless_shift() -> bytes:
    """Has a shift that swallows every score."""
    return edited(lambda manifest: manifest.update(calibration={"scale": [1], "shift": [-2e9]}))


@attempt(MANIFEST, "scales and shifts of at most 1e\\+09, found 1e\\+30")
def endless_scale() -> bytes:
    """Has a member whose scores overflow."""
    return edited(lambda manifest: manifest["members"][0].update(scale=-1e30))


@attempt(MANIFEST, "views: expected at most 262144 columns in all, found 1048576")
def many_wide_views() -> bytes:
    """Has sixteen views of as many columns as a view may have: 4 MB of sums for every document."""
    return edited(
        lambda manifest: manifest.update(views=[{**manifest["views"][0], "width": 65_536}] * 16)
    )


@attempt(MANIFEST, "members: expected at most 2097152 numbers per document, found 2162688")
def layers_without_arrays() -> bytes:
    """Has layers without arrays, which cost nothing to state and much to compute."""
    layers = [{"kind": "activation", "units": 65_536, "activation": "gelu", "epsilon": 0.5}] * 32

    def edit(manifest: dict[str, Any]) -> None:
        labels = [str(number) for number in range(65_536)]
        manifest.update(labels=labels)
        manifest["views"][0].update(width=65_536)
        manifest["members"][0].update(stop=65_536, layers=layers)
        manifest["training"].update(class_counts=[0] * 65_536)

    return edited(edit)


@attempt(MANIFEST, "expected at most 9, the number of documents, found 10")
def more_than_all_documents() -> bytes:
    """Has a label that more documents have than there are, so that its share exceeds 1."""
    return edited(lambda manifest: manifest["training"].update(class_counts=[10, 0, 0]))


@attempt(MANIFEST, "training.history: there is no member 1")
def history_of_nobody() -> bytes:
    """Tells how a member was trained that is not there."""
    return edited(lambda manifest: manifest["training"].update(history=[{"member": 1, "logs": {}}]))


@attempt(MANIFEST, "length <= 10000")
def endless_history() -> bytes:
    """Has more epochs than anybody draws."""
    return edited(
        lambda manifest: manifest["training"].update(
            history=[{"member": 0, "logs": {"loss": [0] * 10_001}}]
        )
    )


@attempt(MANIFEST, "'last' is a duplicate")
def repeated_keys() -> bytes:
    """Has seven megabytes of one key behind many others, for each of which all are counted."""
    others = b",".join(b'"%d":""' % number for number in range(990))
    return replaced(b'"settings":{', b'"settings":{' + others + b',"last":""' * 700_000)


@attempt(MANIFEST, "Expected `int`")
def format_is_text() -> bytes:
    """Has a format that is text, to get past a comparison."""
    return edited(lambda manifest: manifest.update(format="1"))


@attempt(MANIFEST, "missing required field `format`")
def no_format() -> bytes:
    """Does not say its format."""
    return edited(lambda manifest: manifest.pop("format"))


@attempt(MANIFEST, "Expected `object`")
def not_an_object() -> bytes:
    """Is a list where an object is expected."""
    return with_manifest(linear(), lambda manifest: b"[" + manifest + b"]")


@attempt(MANIFEST, "malformed|Invalid|depth|recursion|unknown")
def deep_nesting() -> bytes:
    """Nests a hundred thousand lists, to overflow the stack of the parser."""
    return replaced(b'"scores":[', b'"scores":[' + b"[" * 100_000 + b"]" * 100_000 + b",")


@attempt(MANIFEST, "recursion|depth|malformed")
def deep_nesting_in_unknown_field() -> bytes:
    """Nests a hundred thousand lists in a field that the version check skips."""
    return with_manifest(
        linear(), lambda manifest: b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"," + manifest[1:]
    )


@attempt(MANIFEST, "utf-8|UTF-8|[Ii]nvalid")
def not_utf8() -> bytes:
    """Has a label that is not UTF-8."""
    return replaced(b"rec.autos", b"rec.\xff\xfe")


@attempt(MANIFEST, "surrogate|escape|utf-8|[Ii]nvalid")
def lone_surrogate() -> bytes:
    """Has half a surrogate pair as a label, which cannot be printed."""
    return replaced(b'"rec.autos"', b'"\\ud800"')


@attempt(MANIFEST, "malformed|invalid")
def not_a_number() -> bytes:
    """Has NaN as the scale of a member, which Python's own json would accept."""
    return replaced(b'"scale":1.0', b'"scale":NaN')


@attempt(MANIFEST, "out of range|<=|[Nn]umber")
def infinite_number() -> bytes:
    """Has a scale that becomes infinite when it is read."""
    return replaced(b'"scale":1.0', b'"scale":1e999')


@attempt(MANIFEST, "expected at most .* bytes, found")
def too_large() -> bytes:
    """Has a manifest of seventeen megabytes, to have it parsed."""
    return with_manifest(linear(), lambda manifest: manifest + b" " * (17 << 20))


@attempt(MANIFEST, "CRC-32 is wrong")
def damaged() -> bytes:
    """Has one letter of a label changed on the way."""
    members = entries(unpacked(linear()))
    data = members[0].data
    stated = {"crc": zlib.crc32(data)}
    members[0] = Entry(MANIFEST, data.replace(b"rec.autos", b"rec.autot"), stated, stated)
    return container(members)


@attempt(MANIFEST, "labels: 'sci.space' is a duplicate")
def label_twice() -> bytes:
    """Has a label twice, so that answers by name are ambiguous."""
    return edited(lambda manifest: manifest["labels"].__setitem__(0, "sci.space"))


@attempt(MANIFEST, "length >= 1")
def empty_label() -> bytes:
    """Has a label without a name."""
    return edited(lambda manifest: manifest["labels"].__setitem__(0, ""))


@attempt(MANIFEST, "length <= 1000")
def endless_label() -> bytes:
    """Has a label that fills a screen, or a log."""
    return edited(lambda manifest: manifest["labels"].__setitem__(0, "x" * 1_001))


@attempt(MANIFEST, "class_counts: expected one per label, found 3|members.0. ends with 3")
def label_too_many() -> bytes:
    """Has more labels than scores, so that the last is read from memory behind them."""
    return edited(lambda manifest: manifest["labels"].append("one more"))


@attempt(MANIFEST, "at least 2")
def one_label() -> bytes:
    """Has a single label to choose from."""
    return edited(lambda manifest: manifest.update(labels=["only"]))


@attempt(MANIFEST, "reads columns 0 to 4 of 3")
def columns_beyond_the_bag() -> bytes:
    """Reads columns behind those that the bag has."""
    return edited(lambda manifest: manifest["members"][0].update(stop=4))


@attempt(MANIFEST, ">= 0")
def negative_column() -> bytes:
    """Reads columns in front of those that the bag has."""
    return edited(lambda manifest: manifest["members"][0].update(start=-1))


@attempt(MANIFEST, "view is 3, there are 1")
def view_that_is_not_there() -> bytes:
    """Reads a view that is not there."""
    return edited(lambda manifest: manifest["members"][0].update(view=3))


@attempt(MANIFEST, r"layers\[1\]: expected 4 units, as batch_normalization has inputs, found 5")
def layers_that_do_not_fit() -> bytes:
    """Has layers whose sizes do not fit each other."""
    return resealed(network(), lambda manifest: manifest["members"][0]["layers"][1].update(units=5))


@attempt(MANIFEST, "length <= 32")
def endless_layers() -> bytes:
    """Has thirty thousand layers that need no arrays and cost nothing to state."""
    layer = {"kind": "activation", "units": 3, "activation": "gelu"}
    return edited(lambda manifest: manifest["members"][0].update(layers=[layer] * 30_000))


@attempt(MANIFEST, "length <= 256|members")
def endless_members() -> bytes:
    """Has thirty thousand members over the same columns."""
    return edited(lambda manifest: manifest.update(members=manifest["members"] * 30_000))


@attempt(MANIFEST, "thresholds: expected .* found 1")
def threshold_too_few() -> bytes:
    """Has fewer thresholds than labels."""
    return resealed(network(), lambda manifest: manifest.update(thresholds=[0.5]))


@attempt(ARRAYS, "bytes for the manifest's arrays")
def shape_bomb() -> bytes:
    """Declares a vocabulary of two billion entries, to have terabytes allocated."""
    return edited(lambda manifest: manifest["views"][0].update(size=2**31 - 1, width=65_536))


@attempt(MANIFEST, "<= 2147483647|size")
def size_that_overflows() -> bytes:
    """Declares a vocabulary whose size times its width wraps around to a small number."""
    return edited(lambda manifest: manifest["views"][0].update(size=2**62, width=4))


@attempt(MANIFEST, "Expected `int`")
def size_is_a_fraction() -> bytes:
    """Has a fraction as a size."""
    return edited(lambda manifest: manifest["views"][0].update(size=7.5))


@attempt(MANIFEST, "Expected `int`")
def size_is_true() -> bytes:
    """Has true as a size, which Python takes for 1."""
    return edited(lambda manifest: manifest["views"][0].update(size=True))


@attempt(MANIFEST, "files: expected")
def unvouched_members() -> bytes:
    """Vouches for none of its members."""
    return edited(lambda manifest: manifest.update(files=[]))


@attempt(MANIFEST, "files: expected")
def vouches_for_a_path() -> bytes:
    """Vouches for a file outside."""
    return edited(lambda manifest: manifest["files"][2].update(name="/etc/passwd"))


@attempt(ARRAYS, "expected the SHA-256")
def other_hash() -> bytes:
    """Vouches for other arrays than those that are there."""
    return edited(lambda manifest: manifest["files"][0].update(sha256="0" * 64))


@attempt("card.md", "expected 1 bytes")
def other_size() -> bytes:
    """Vouches for a member of another size."""
    return edited(lambda manifest: manifest["files"][2].update(size=1))


@attempt(MANIFEST, "trailing characters|Extra data|malformed")
def two_documents() -> bytes:
    """Has a second JSON document behind the first."""
    return with_manifest(linear(), lambda manifest: manifest + manifest)


@attempt(ARRAYS, "expected to start at a multiple of 64")
def misaligned() -> bytes:
    """Starts the arrays at an odd byte, where vector instructions may fault."""
    members = entries(unpacked(linear()))
    members[0].data += b" "
    return container(members)
