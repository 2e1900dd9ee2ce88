"""Escaping, against the parsers of the languages themselves."""

from __future__ import annotations

import json
import shlex
import subprocess
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from torchsolve.emit import escape
from torchsolve.errors import UsageError

NASTY = (
    "",
    " ",
    "My Node",
    "it's",
    'say "hi"',
    "$HOME ${HOME} $(id) `id`",
    "a\\b\\",
    "*?[x]~!#&;|<>",
    "-rf",
    "a=b c=d",
    "ünï/codé",
    "%{ if true }x%{ endif }",
)
_ONE_LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
_ANY = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("text", NASTY)
def test_shell_word_survives_sh(text: str) -> None:
    command = f"printf '%s' {escape.shell(text)}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
    assert done.stdout.decode() == text


@given(_ONE_LINE)
def test_shell_word_is_one_word(text: str) -> None:
    word = escape.shell(text)
    assert shlex.split(word) == [text]
    assert "\n" not in word


@pytest.mark.parametrize("text", ["a\nb", "a\rRUN evil", "\0", "tab\there"])
@pytest.mark.parametrize("escaped", [escape.shell, escape.docker])
def test_control_characters_are_refused(text: str, escaped: object) -> None:
    assert callable(escaped)
    with pytest.raises(UsageError, match="control-character"):
        escaped(text)


@given(_ANY)
def test_quoted_is_toml(text: str) -> None:
    assert tomllib.loads(f"x = {escape.quoted(text)}")["x"] == text


@given(st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF)))
def test_quoted_is_json_and_so_yaml(text: str) -> None:
    """Below U+10000 the escapes are JSON's, and YAML 1.2 reads every JSON string."""
    assert json.loads(escape.quoted(text)) == text


def test_lone_surrogate_cannot_break_the_file() -> None:
    assert escape.quoted("a\ud800b").encode() == b'"a\\uFFFDb"'


def test_compose_does_not_interpolate() -> None:
    assert escape.compose("a${B}$c") == '"a$${B}$$c"'


def test_hcl_opens_no_template() -> None:
    assert escape.hcl("${x}%{y}$z") == '"$${x}%%{y}$z"'


@given(_ONE_LINE)
def test_docker_value_has_no_bare_dollar_or_quote(text: str) -> None:
    inner = escape.docker(text)[1:-1]
    unescaped, position = [], 0
    while position < len(inner):
        if inner[position] == "\\":
            position += 1
        else:
            assert inner[position] not in '"$'
        unescaped.append(inner[position])
        position += 1
    assert "".join(unescaped) == text


@given(_ANY)
def test_comment_stays_on_its_line(text: str) -> None:
    assert len(escape.comment(text).splitlines()) <= 1


def _cell(markdown: str) -> list[tuple[str, str]]:
    tokens = MarkdownIt("commonmark").enable("table").parse(f"| h |\n|---|\n| x{markdown}x |\n")
    inline = [token for token in tokens if token.type == "inline"][1]
    return [(child.type, child.content) for child in inline.children or ()]


@given(_ANY)
def test_markdown_is_nothing_but_text(text: str) -> None:
    children = _cell(escape.markdown(text))
    assert {kind for kind, _ in children} <= {"text", "text_special"}
    assert "".join(content for _, content in children) == f"x{escape.comment(text)}x"


@given(_ANY)
def test_code_is_one_code_span(text: str) -> None:
    shown = escape.comment(text)
    children = _cell(" " + escape.code(text) + " ")
    codes = [content for kind, content in children if kind == "code_inline"]
    assert codes == ([shown] if shown else [])


@given(_ANY)
def test_link_is_one_link(text: str) -> None:
    children = _cell(f"[a]({escape.link('https://a.example/' + text)})")
    assert [kind for kind, _ in children] == ["text", "link_open", "text", "link_close", "text"]


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("ComfyUI-Trellis2", "ComfyUI-Trellis2"),
        ("My Node", "My-Node"),
        ("../../etc", "etc"),
        ("-rf *", "rf"),
        ("…", "project"),
        (".git", "git"),
    ],
)
def test_slug(text: str, folder: str) -> None:
    assert escape.slug(text) == folder


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://user:pw@index.example/simple", "https://index.example/simple"),
        ("https://token@index.example/simple", "https://index.example/simple"),
        ("git+https://x:y@git.example/a.git", "git+https://git.example/a.git"),
        ("ssh://git@git.example/a.git", "ssh://git@git.example/a.git"),
        ("git+ssh://git:pw@git.example/a", "git+ssh://git.example/a"),
        ("https://index.example/a@b", "https://index.example/a@b"),
        (
            "see https://a:b@c.example and https://d.example",
            "see https://c.example and https://d.example",
        ),
        ("https://a:p@ss@c.example/x", "https://c.example/x"),
    ],
)
def test_credentials_leave_urls(text: str, clean: str) -> None:
    assert escape.without_credentials(text) == clean
