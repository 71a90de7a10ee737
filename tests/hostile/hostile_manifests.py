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


@attempt(MANIFEST, "'task' is there twice")
def duplicate_key() -> bytes:
    """States the task twice: JSON readers differ in which one they keep."""
    return replaced(b'"task":"single"', b'"task":"multiple","task":"single"')


@attempt(MANIFEST, "'numpy' is there twice")
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


@attempt(MANIFEST, "names a part twice")
def endless_stripping() -> bytes:
    """Has each document's headers stripped a hundred thousand times."""
    return edited(
        lambda manifest: manifest["views"][0]["features"].update(strip=["headers"] * 100_000)
    )


@attempt(MANIFEST, "the format is 2, this Satchel reads 1: install a newer")
def newer_format() -> bytes:
    """Is of a format that is not known yet."""
    return edited(lambda manifest: manifest.update(format=2))


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


@attempt(MANIFEST, "bytes, a manifest at most")
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


@attempt(MANIFEST, "labels: 'sci.space' is there twice")
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


@attempt(MANIFEST, "class_counts: found 3|members.0. ends with 3")
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


@attempt(MANIFEST, r"layers\[1\]: batch_normalization has 5 units, 4 go into it")
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


@attempt(MANIFEST, "thresholds: found 1")
def threshold_too_few() -> bytes:
    """Has fewer thresholds than labels."""
    return resealed(network(), lambda manifest: manifest.update(thresholds=[0.5]))


@attempt(ARRAYS, "the manifest's arrays take")
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


@attempt(MANIFEST, "files: lists")
def unvouched_members() -> bytes:
    """Vouches for none of its members."""
    return edited(lambda manifest: manifest.update(files=[]))


@attempt(MANIFEST, "files: lists")
def vouches_for_a_path() -> bytes:
    """Vouches for a file outside."""
    return edited(lambda manifest: manifest["files"][2].update(name="/etc/passwd"))


@attempt(ARRAYS, "its SHA-256 is")
def other_hash() -> bytes:
    """Vouches for other arrays than those that are there."""
    return edited(lambda manifest: manifest["files"][0].update(sha256="0" * 64))


@attempt("card.md", "bytes, the manifest says 1")
def other_size() -> bytes:
    """Vouches for a member of another size."""
    return edited(lambda manifest: manifest["files"][2].update(size=1))


@attempt(MANIFEST, "trailing characters|Extra data|malformed")
def two_documents() -> bytes:
    """Has a second JSON document behind the first."""
    return with_manifest(linear(), lambda manifest: manifest + manifest)


@attempt(ARRAYS, "expected a multiple of 64")
def misaligned() -> bytes:
    """Starts the arrays at an odd byte, where vector instructions may fault."""
    members = entries(unpacked(linear()))
    members[0].data += b" "
    return container(members)
