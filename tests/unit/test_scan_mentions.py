"""What of a text is code: the places where a name may be called."""

import pytest

from torchsolve.project.scan.mentions import code_of, mentions


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"import a\nf()", b"\nf()"),
        (b"f()  # g()\n", b"f()  \n"),
        (b'"""g()\n"""\nf()', b"\n\nf()"),
        (b"x = '''a\\'''g()''' + f()", b"x =  + f()"),
        (b'"" "a b" f()', b"  f()"),
        (b"y['f'] = 'f g'", b"y['f'] = "),
        (b'rf"{f()}" b"g()"', b'rf"{f()}" b'),
        (b'xf"g()"', b"xf"),
        (b'f"""{f()}\n"""', b'f"""{f()}\n"""'),
        (b"from a import (\n  f,\n)\nf()", b"\n\n\nf()"),
        (b"import a, \\\n  f\nf()", b"\n\nf()"),
        (b'if __name__ == "__main__":\n    f()\n\nimport f\ng()', b"\n\n\n\ng()"),
        (b'a\nif __name__ == "__main__":\n    f()\n', b"a\n\n\n"),
        (b'"unclosed f()\ng()', b'"unclosed f()\ng()'),
    ],
)
def test_only_code_and_texts_that_are_one_name_remain(text: bytes, code: bytes) -> None:
    assert code_of(text) == code


def test_a_mention_has_the_line_that_it_had_in_the_file() -> None:
    text = b'"""f()\n\nf()"""\nimport f\n\na.f()\nx["f"]\n'
    found = [(m.line, m.receiver, m.quoted) for m in mentions(code_of(text), "f")]
    assert found == [(6, "a", False), (7, "", True)]
