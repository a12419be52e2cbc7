import pytest

from fsspec.config import conf

from runtime.options import UsageError
from runtime.urls import is_url, is_web, local_name, name_of, parent_of, said_safely, scheme_of, shown


@pytest.mark.parametrize(
    "text", ["s3://bucket/a.mp4", "memory://a", "file:///a/b.png", "S3://b/a", "hdfs+x://h/a", "simplecache::s3://bucket/a.png"]
)
def test_a_scheme_of_two_letters_or_more_makes_a_url(text):
    assert is_url(text)


@pytest.mark.parametrize(
    "text", ["", "a.mp4", "/a/b.mp4", "C:\\x", "C:/x", "c://x", "a:b.png", "s3:/b/a", "://a", "./s3://b", "3d://a"]
)
def test_all_else_is_a_path(text):
    assert not is_url(text)
    assert shown(text) == text


def test_a_scheme_is_told_in_small_letters():
    assert scheme_of("S3://Bucket/A.mp4") == "s3"
    assert is_web("HTTPS://host/a.png")
    assert not is_web("s3://host/a.png")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("file:///a/b.png", "/a/b.png"),
        ("FILE://localhost/a/frames/", "/a/frames/"),
        ("local:///a b.png", "/a b.png"),
        ("file:///a%20b/caf%C3%A9%5B1%5D.png", "/a b/café[1].png"),
        ("file:///a/%E2%82%AC%25.mp4", "/a/€%.mp4"),
        ("file:///a%20b/%05d.png", "/a b/%05d.png"),
        ("file:///a/f_%5d.png", "/a/f_%5d.png"),
        ("file:///a/%d.png", "/a/%d.png"),
        ("file:///a%00b%0A", "/a%00b%0A"),
        ("s3://bucket/a%20b.png", "s3://bucket/a%20b.png"),
        ("simplecache::file:///a", "simplecache::file:///a"),
        ("a b%20.png", "a b%20.png"),
        ("file:/a", "file:/a"),
        ("file", "file"),
    ],
)
def test_a_url_of_this_machine_is_a_path(text, name):
    assert local_name(text) == name


@pytest.mark.parametrize(
    "text", ["file://", "file://a.png", "file://host/a.png", "file://~/a.png", "local://a", "file://localhost"]
)
def test_a_url_of_this_machine_has_the_whole_path(text):
    with pytest.raises(UsageError, match="names no file of this machine"):
        local_name(text)


@pytest.mark.parametrize(
    ("url", "name", "parent"),
    [
        ("s3://b/x/a#1.png", "a#1.png", "s3://b/x"),
        ("s3://b/a.png?versionId=1", "a.png", "s3://b"),
        ("s3://b/frames/", "frames", "s3://b"),
        ("https://host/x/a.png?sig=a/b#top", "a.png", "https://host/x"),
        ("https://host/", "", "https://"),
        ("memory://a.png", "a.png", "memory://"),
        ("memory:///a.png", "a.png", "memory:///"),
    ],
)
def test_a_url_has_a_name_in_a_folder(url, name, parent):
    assert name_of(url) == name
    assert parent_of(url) == parent


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://bucket/a@b.mp4", "s3://bucket/a@b.mp4"),
        ("s3://key:secret@bucket/a.mp4", "s3://bucket/a.mp4"),
        ("https://ghp_token@host/a.png", "https://host/a.png"),
        ("https://host:8443/a.png?X-Amz-Signature=abc&x=a@b", "https://…"),
        ("https://host/a.png?X-Amz-Signature=abc&x=a@b", "https://host/a.png"),
        ("sftp://me:pa@ss@host:22/a.mp4", "sftp://host:22/a.mp4"),
        ("sftp://me:pa/ss@host/a.mp4", "sftp://…"),
        ("sftp://me:pa?ss@host/a.mp4", "sftp://…"),
        ("sftp://me:p@a/ss@host/a.mp4", "sftp://…"),
        ("abfs://box@account.dfs.core.windows.net/a.mp4", "abfs://box@account.dfs.core.windows.net/a.mp4"),
        ("abfs://box:key@account.dfs.core.windows.net/a.mp4", "abfs://account.dfs.core.windows.net/a.mp4"),
        ("memory://frames/%05d.png", "memory://frames/%05d.png"),
        ("file:///a/b.mp4", "file:///a/b.mp4"),
    ],
)
def test_a_url_is_shown_without_credentials(url, said):
    assert shown(url) == said


@pytest.mark.parametrize(
    "words",
    [
        "cannot reach sftp://me:hunter22@host/a.mp4 now",
        "Bad password hunter22.",
        "login failed for 'me:hunter22'",
        "see https://elsewhere/?Signature=hunter22",
    ],
)
def test_an_error_is_quoted_without_the_credentials_of_the_url(words):
    said = said_safely(ValueError(words), "sftp://me:hunter22@host/a.mp4")
    assert "hunter22" not in said
    assert said.startswith("ValueError")


def test_a_password_is_also_found_as_it_reads_without_its_escapes():
    assert said_safely(ValueError("no: a/b c"), "sftp://me:a%2Fb%20c@host/x") == "ValueError"


def test_a_secret_of_the_environment_or_the_configuration_is_not_quoted(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-the-environment")
    monkeypatch.setitem(conf, "s3", {"client_kwargs": {"aws_secret_access_key": "from-the-configuration"}})
    for secret in ("from-the-environment", "from-the-configuration"):
        assert said_safely(RuntimeError(f"signed with {secret}"), "s3://b/a") == "RuntimeError"
    assert said_safely(RuntimeError("signed with nothing"), "s3://b/a") == "RuntimeError: signed with nothing"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (PermissionError("Access Denied"), "permission denied: Access Denied"),
        (FileNotFoundError("/a"), "there is no such file or folder: /a"),
        (NotImplementedError(), "places of this kind cannot do that"),
        (ConnectionError("a  line\nand another."), "ConnectionError: a line and another"),
        (RuntimeError("x" * 5000), f"RuntimeError: {'x' * 200}"),
    ],
)
def test_an_error_says_what_it_means_in_few_words(error, said):
    assert said_safely(error) == said
