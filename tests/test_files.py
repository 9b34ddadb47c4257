"""Parameters on disk: what is written can be read back, and nothing else.

saves(…)           another process that saves over and over, with its own network
dies_at(…)         another process that is killed in the middle of a save
rebuilt(…)         the members of a file, some of them changed, with right checksums
"""

import errno
import gc
import io
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import time
import tracemalloc
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import rnn_stepwise as rs
from conftest import ROOT
from networks import network
from rnn_stepwise import files
from rnn_stepwise.checking import error_of

OLD, NEW = (network("rnn", seed=seed).parameters for seed in range(2))
LSTM = network("lstm").parameters
PROMISED = "ValueError: file: expected an .npz of parameters, got "
pytestmark = pytest.mark.filterwarnings("error")


def is_network(loaded, *expected):
    "Is it, entry by entry, one of these networks?"
    for parameters in expected:
        same = [np.array_equal(loaded[name], parameters[name]) for name in loaded]
        if loaded.keys() == parameters.keys() and all(same):
            return True
    return False


def reason_of(file):
    "Why a file is not loaded; the sentence around it is the promised one"
    said = error_of(rs.load_parameters, file)
    assert said.startswith(f"{PROMISED}{file} (") and said.endswith(")"), said
    return said.removeprefix(f"{PROMISED}{file} (")[:-1]


def names_in(folder):
    return sorted(os.listdir(folder))


# Back and forth


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_a_network_comes_back_as_it_was(tmp_path, kind, dtype):
    saved = network(kind).parameters
    saved = {name: saved[name].astype(dtype) for name in reversed(saved)}
    rs.save_parameters(tmp_path / "p.npz", saved)
    loaded = rs.load_parameters(tmp_path / "p.npz")
    table = rs.RNN_PARAMETERS if kind == "rnn" else rs.LSTM_PARAMETERS
    assert list(loaded) == list(table)  # in the order of the alphabet
    for name in saved:
        np.testing.assert_array_equal(loaded[name], saved[name], strict=True)
        assert loaded[name].flags.writeable


def written_by_others():
    "The same network in files that NumPy wrote in other ways, and what their dtype becomes"
    yield "backwards", dict(reversed(LSTM.items())), np.savez, "f8"
    yield "packed", LSTM, np.savez_compressed, "f8"
    yield "by columns", {k: np.asfortranarray(w) for k, w in LSTM.items()}, np.savez, "f8"
    yield "big-endian", {k: w.astype(">f8") for k, w in LSTM.items()}, np.savez, "f8"
    yield "float16", {k: w.astype("f2") for k, w in LSTM.items()}, np.savez, "f8"
    yield "mixed", LSTM | {"by": LSTM["by"].astype("c8")}, np.savez, "c16"


@pytest.mark.parametrize(("case", "parameters", "save", "dtype"), list(written_by_others()))
def test_a_network_written_by_numpy_is_read(tmp_path, case, parameters, save, dtype):
    save(tmp_path / "p.npz", **parameters)
    loaded = rs.load_parameters(tmp_path / "p.npz")
    assert list(loaded) == list(rs.LSTM_PARAMETERS)
    for name in loaded:
        expected = parameters[name].astype(dtype)
        np.testing.assert_array_equal(loaded[name], expected, strict=True)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_header_is_read(tmp_path, version):
    with zipfile.ZipFile(tmp_path / "p.npz", "w") as box:
        for name in OLD:
            with box.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, OLD[name], version)
    assert is_network(rs.load_parameters(tmp_path / "p.npz"), OLD)


def test_what_is_larger_than_a_piece_is_read_whole(tmp_path):
    large = rs.init_rnn_parameters(7, 400, 2, np.random.default_rng(0))
    for save in rs.save_parameters, lambda file, w: np.savez_compressed(file, **w):
        save(tmp_path / "p.npz", large)
        assert is_network(rs.load_parameters(tmp_path / "p.npz"), large)


# What a path says


@pytest.mark.parametrize("name", ["p.npz", "p", "ä ☃.npz", "n" * 255, "p.npz.partial"])
@pytest.mark.parametrize("given", [str, Path, os.fsencode])
def test_a_name_is_taken_as_it_is(tmp_path, name, given):
    file = given(str(tmp_path / name))
    for parameters in OLD, NEW:
        rs.save_parameters(file, parameters)
        assert is_network(rs.load_parameters(file), parameters)
        assert names_in(tmp_path) == [name]


@pytest.mark.parametrize("function", [rs.load_parameters, lambda f: rs.save_parameters(f, OLD)])
def test_what_is_no_path_is_refused(function):
    for value, shown in [("a\0b", "'a\\x00b'"), ("", "''"), ("\ud800", "'\\ud800'")]:
        assert error_of(function, value) == f"ValueError: file: expected a path, got {shown}"
    for value in 3, None, 2.5, ["p.npz"]:
        kind = type(value).__name__
        assert error_of(function, value) == f"TypeError: file: expected a path, got {kind}"


def test_a_save_touches_no_file_but_its_own(tmp_path):
    neighbour, far = tmp_path / "p.npz.partial", tmp_path / "far"
    far.mkdir()
    for make in (
        lambda: neighbour.write_text("mine"),
        lambda: neighbour.mkdir(),
        lambda: neighbour.symlink_to("far/mine"),
    ):
        make()
        (far / "mine").write_text("mine")
        before = neighbour.lstat()
        rs.save_parameters(tmp_path / "p.npz", OLD)
        error_of(rs.save_parameters, tmp_path / "p.npz", OLD | {"by": np.ones((9, 9))})
        after = neighbour.lstat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert not (tmp_path / "p.npz").is_symlink()
        assert (far / "mine").read_text() == "mine"
        neighbour.rmdir() if neighbour.is_dir() else neighbour.unlink()
    assert names_in(tmp_path) == ["far", "p.npz"]


def test_a_file_of_the_unfinished_name_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "urandom", lambda count: b"\x07" * count)
    mine = tmp_path / f".{'07' * 8}.partial"
    mine.write_text("mine")
    assert error_of(rs.save_parameters, tmp_path / "p.npz", OLD).startswith("FileExistsError: ")
    assert mine.read_text() == "mine" and names_in(tmp_path) == [mine.name]


@pytest.mark.parametrize("there", [True, False], ids=["file", "dangling"])
def test_a_link_is_written_through(tmp_path, there, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.makedirs("far/deep")
    os.symlink("far/one", "p.npz")  # p.npz → far/one → far/deep/two
    os.symlink("deep/two", "far/one")
    if there:
        rs.save_parameters("far/deep/two", OLD)
    rs.save_parameters("p.npz", NEW)
    assert os.readlink("p.npz") == "far/one" and os.readlink("far/one") == "deep/two"
    assert is_network(rs.load_parameters("far/deep/two"), NEW)
    assert [names_in(folder) for folder in (".", "far", "far/deep")] == [
        ["far", "p.npz"],
        ["deep", "one"],
        ["two"],
    ]


def test_a_path_leads_where_the_system_says(tmp_path, monkeypatch):
    "`link/..` is the folder above what the link leads to"
    (tmp_path / "far/deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("far/deep")
    rs.save_parameters(tmp_path / "link/../p.npz", OLD)
    assert names_in(tmp_path) == ["far", "link"] and names_in(tmp_path / "far") == ["deep", "p.npz"]
    assert error_of(rs.save_parameters, f"{tmp_path}/new/", OLD).startswith("FileNotFoundError: ")


def test_a_hard_link_keeps_the_old_network(tmp_path):
    rs.save_parameters(tmp_path / "p.npz", OLD)
    os.link(tmp_path / "p.npz", tmp_path / "backup.npz")
    rs.save_parameters(tmp_path / "p.npz", NEW)
    assert is_network(rs.load_parameters(tmp_path / "backup.npz"), OLD)


@contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        assert os.umask(before) == mask  # saving has not changed it


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000, 0o002])
def test_permissions_stay_and_a_new_file_gets_the_usual_ones(tmp_path, mask):
    with umask(mask):
        rs.save_parameters(tmp_path / "p.npz", OLD)
        usual = stat.S_IMODE((tmp_path / "p.npz").stat().st_mode)
        (tmp_path / "other").write_text("")
        assert usual == stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o666 & ~mask
        for mode in 0o600, 0o644, 0o640, 0o664, 0o755, 0o666:
            (tmp_path / "p.npz").chmod(mode)
            rs.save_parameters(tmp_path / "p.npz", NEW)
            assert stat.S_IMODE((tmp_path / "p.npz").stat().st_mode) == mode


def test_nobody_can_read_a_private_network_while_it_is_written(tmp_path, monkeypatch):
    rs.save_parameters(tmp_path / "p.npz", OLD)
    (tmp_path / "p.npz").chmod(0o600)
    created, modes, create = [], [], os.open

    def watched(path, flags, mode=0o777, **rest):
        opened = create(path, flags, mode, **rest)
        if ".partial" in str(path):
            created.append(path)
            modes.append(stat.S_IMODE(os.fstat(opened).st_mode))
        return opened

    monkeypatch.setattr(os, "open", watched)
    with umask(0):
        rs.save_parameters(tmp_path / "p.npz", NEW)
    assert modes == [0o600] and not os.path.exists(created[0])


# A save that fails


@contextmanager
def ordinary_user():
    "Permissions bind everybody but root"
    if os.getuid():
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def open_folder():
    "A folder that an ordinary user may enter"
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        rs.save_parameters(f"{folder}/p.npz", OLD)
        os.chmod(f"{folder}/p.npz", 0o666)
        yield folder


def test_what_is_protected_against_writing_stays(open_folder):
    file = f"{open_folder}/p.npz"
    for path, mode in (open_folder, 0o555), (file, 0o444):
        before = stat.S_IMODE(os.stat(path).st_mode)
        os.chmod(path, mode)
        with ordinary_user():
            said = error_of(rs.save_parameters, file, NEW)
        assert said == f"PermissionError: [Errno 13] Permission denied: '{file}'"
        os.chmod(path, before)
        assert names_in(open_folder) == ["p.npz"]
        assert is_network(rs.load_parameters(file), OLD)
    with ordinary_user():
        rs.save_parameters(file, NEW)
    assert is_network(rs.load_parameters(file), NEW)


def test_a_file_that_must_not_be_read_is_refused(open_folder):
    os.chmod(f"{open_folder}/p.npz", 0)
    with ordinary_user():
        assert "Permission denied" in reason_of(f"{open_folder}/p.npz")


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file").write_text("")
    (tmp_path / "astray").symlink_to("none/p.npz")
    for path, code in [
        (tmp_path, errno.EISDIR),
        (tmp_path / "pipe", errno.EACCES),
        (tmp_path / "circle", errno.ELOOP),
        (tmp_path / "file/p.npz", errno.ENOTDIR),
        (tmp_path / "none/p.npz", errno.ENOENT),
        (tmp_path / "astray", errno.ENOENT),
        (tmp_path / ("n" * 256), errno.ENAMETOOLONG),
    ]:
        with pytest.raises(OSError) as raised:
            rs.save_parameters(path, OLD)
        assert (raised.value.errno, raised.value.filename) == (code, str(path))
    assert names_in(tmp_path) == ["astray", "circle", "file", "pipe"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def failing(error):
    "A function that writes a little and then fails"

    def call(*args, **kwargs):
        if hasattr(args[0], "write"):
            args[0].write(b"half")
        raise error

    return call


STAGES = [(np, "savez"), (os, "chmod"), (os, "fsync"), (os, "replace")]


@pytest.mark.parametrize("stage", STAGES, ids=[name for _, name in STAGES])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), MemoryError()])
def test_the_old_file_stays_whatever_fails(tmp_path, monkeypatch, stage, error):
    file = tmp_path / "p.npz"
    rs.save_parameters(file, OLD)
    with monkeypatch.context() as broken:
        broken.setattr(*stage, failing(error))
        with pytest.raises(type(error)) as raised:
            rs.save_parameters(file, NEW)
    assert raised.value is error
    assert names_in(tmp_path) == ["p.npz"]
    assert is_network(rs.load_parameters(file), OLD)


def test_all_bytes_are_on_the_disk_before_the_move(tmp_path, monkeypatch):
    sync, sizes = os.fsync, []

    def watched(opened):
        sync(opened)
        sizes.append(os.fstat(opened).st_size)
        assert names_in(tmp_path) != ["p.npz"]

    monkeypatch.setattr(os, "fsync", watched)
    rs.save_parameters(tmp_path / "p.npz", OLD)
    assert sizes == [(tmp_path / "p.npz").stat().st_size]


def in_another_process(code, *args, **options):
    "Python with the package and the networks of the tests"
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    command = [sys.executable, "-W", "error", "-c", PRELUDE + code, *map(str, args)]
    return subprocess.Popen(
        command, env=os.environ | paths, text=True, stdout=-1, stderr=-1, stdin=-1, **options
    )


PRELUDE = """
import os, signal, sys
import numpy as np
import rnn_stepwise as rs
from networks import network
file = sys.argv[1]
"""


def test_a_full_disk_leaves_the_old_file(tmp_path):
    rs.save_parameters(tmp_path / "p.npz", OLD)
    code = """
import resource
large = rs.init_rnn_parameters(9, 90, 2, np.random.default_rng(0))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try: rs.save_parameters(file, large)
except OSError as error: print(error.errno)
"""
    for most in 0, 1000, 60_000, 66_000:
        said = in_another_process(code, tmp_path / "p.npz", most).communicate()
        assert said == (f"{errno.EFBIG}\n", "")
        assert names_in(tmp_path) == ["p.npz"]
        assert is_network(rs.load_parameters(tmp_path / "p.npz"), OLD)


# Many at once


def constant(value, n_a):
    "A network all of whose numbers are one number"
    drawn = rs.init_rnn_parameters(3, n_a, 2, np.random.default_rng(0))
    return {name: np.full_like(drawn[name], value) for name in drawn}


def is_constant(loaded):
    "Is it whole, and of one writer, who wrote the number of its units into all of it?"
    n_a = len(loaded["Waa"])
    return is_network(loaded, constant(n_a, n_a))


SAVES = """
n_a, rounds = map(int, sys.argv[2:])
drawn = rs.init_rnn_parameters(3, n_a, 2, np.random.default_rng(0))
mine = {name: np.full_like(drawn[name], n_a) for name in drawn}
sys.stdin.read(1)
for _ in range(rounds): rs.save_parameters(file, mine)
"""


def read_while(file, busy):
    "How many times a file was loaded; each time it was one whole network"
    count = 0
    while busy():
        assert is_constant(rs.load_parameters(file))
        count += 1
    return count


def test_processes_save_and_load_one_file(tmp_path):
    file = tmp_path / "p.npz"
    rs.save_parameters(file, constant(4, 4))
    writers = [in_another_process(SAVES, file, n_a, 60) for n_a in (5, 60, 120)]
    for writer in writers:
        writer.stdin.write("go")
        writer.stdin.flush()
    count = read_while(file, lambda: any(writer.poll() is None for writer in writers))
    assert [writer.communicate() for writer in writers] == [("", "")] * 3
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert count > 20 and names_in(tmp_path) == ["p.npz"]


def test_threads_save_and_load_one_file(tmp_path):
    file = tmp_path / "p.npz"
    rs.save_parameters(file, constant(4, 4))

    def save(n_a):
        for _ in range(60):
            rs.save_parameters(file, constant(n_a, n_a))

    with ThreadPoolExecutor(8) as pool:
        saves = [pool.submit(save, n_a) for n_a in (5, 6, 40, 80)]
        loads = [pool.submit(read_while, file, lambda: not all(s.done() for s in saves))] * 4
        assert [save.result() for save in saves] == [None] * 4
        assert all(load.result() > 5 for load in loads)
    assert names_in(tmp_path) == ["p.npz"]


def test_a_file_that_grows_between_two_looks_is_measured_once_it_is_open(tmp_path, monkeypatch):
    file, look = tmp_path / "p.npz", os.stat
    rs.save_parameters(file, constant(2, 2))
    rs.save_parameters(tmp_path / "next", constant(90, 90))

    def grows(path, **options):
        found = look(path, **options)
        if (tmp_path / "next") in tmp_path.iterdir():
            os.replace(tmp_path / "next", file)
        return found

    monkeypatch.setattr(files, "_SMALL", 0)
    monkeypatch.setattr(os, "stat", grows)
    assert is_network(rs.load_parameters(file), constant(90, 90))


# A save that is killed


KILLED = """
module, name = {"np": np, "os": os}[sys.argv[2]], sys.argv[3]
after = sys.argv[4] == "after"
call = getattr(module, name)
def killed(*args, **kwargs):
    if after: call(*args, **kwargs)
    elif hasattr(args[0], "write"): args[0].write(b"half"); args[0].flush()
    os.kill(os.getpid(), signal.SIGKILL)
rs.load_parameters(file)
setattr(module, name, killed)
rs.save_parameters(file, network("rnn", seed=1).parameters)
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("stage", STAGES, ids=[name for _, name in STAGES])
def test_a_save_that_is_killed_leaves_a_whole_file(tmp_path, stage, when):
    file = tmp_path / "p.npz"
    rs.save_parameters(file, OLD)
    module = {np: "np", os: "os"}[stage[0]]
    process = in_another_process(KILLED, file, module, stage[1], when)
    assert process.communicate() == ("", "") and process.returncode == -signal.SIGKILL
    moved = (stage[1], when) == ("replace", "after")
    assert is_network(rs.load_parameters(file), NEW if moved else OLD)
    strays = [name for name in names_in(tmp_path) if name != "p.npz"]
    assert len(strays) == (0 if moved else 1)
    rs.save_parameters(file, OLD)  # does not come across it
    assert is_network(rs.load_parameters(file), OLD)
    assert names_in(tmp_path) == sorted([*strays, "p.npz"])


def test_a_save_that_is_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    file, moments = tmp_path / "p.npz", random.Random(0)
    rs.save_parameters(file, constant(4, 4))
    for killed in range(1, 7):
        process = in_another_process(SAVES, file, 200, 10**6)
        process.stdin.write("go")
        process.stdin.flush()
        before = file.stat().st_ino
        while file.stat().st_ino == before:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.02))
        process.kill()
        assert process.communicate() == ("", "")
        assert is_constant(rs.load_parameters(file))
        assert len(names_in(tmp_path)) <= 1 + killed
        rs.save_parameters(file, constant(4, 4))
        assert is_constant(rs.load_parameters(file))


# What is refused


def rebuilt(file, changes, packing=zipfile.ZIP_STORED, parameters=LSTM):
    "The members of a network's file, some of them changed or gone (None), written anew"
    members = {f"{name}.npy": npy(parameters[name]) for name in parameters}
    with zipfile.ZipFile(file, "w", packing) as box:
        for name, content in (members | changes).items():
            if content is not None:
                box.writestr(name, content)
    return file


def npy(array=None, header=None, version=b"\x01\x00", data=b""):
    "A member: an array, or a header of one's own and whatever follows"
    if header is None:
        member = io.BytesIO()
        np.save(member, array)
        return member.getvalue()
    width = 2 if version == b"\x01\x00" else 4
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(width, "little") + text + data


def header(descr="'<f8'", shape="(5, 8)", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


EIGHTS = bytes(8 * 40)
NO_ARRAY = "Wf: no array of numbers"
CHANGES = {
    "not as it was": ({"Wf.npy": npy(np.ones((5, 8)))}, ""),  # is read
    "not as it was, by hand": ({"Wf.npy": npy(None, header(), data=EIGHTS)}, ""),
    "no member": ({"Wf.npy": None}, "Wf: expected (n_a, n_a + n_x), got parameters without"),
    "a member too many": ({"Wz.npy": npy(np.ones(3))}, "Wz: expected only Wf, bf, "),
    "a folder": ({"more/": b""}, "more/: expected only Wf, bf, "),
    "one name twice": ({"Wf": npy(np.ones((5, 8)))}, "one name twice"),
    "another shape": ({"Wo.npy": npy(np.ones((5, 7)))}, "Wo: expected (n_a, n_a + n_x) = (5, 8)"),
    "another rank": ({"Wf.npy": npy(np.ones((5, 8, 1)))}, "Wf: expected (n_a, n_a + n_x), got"),
    "a number": ({"Wf.npy": npy(np.float64(1))}, "Wf: expected (n_a, n_a + n_x), got ()"),
    "an empty axis": ({"Wf.npy": npy(np.ones((0, 8)))}, "Wf: expected (n_a, n_a + n_x), got"),
    "text": ({"Wf.npy": npy(np.full((5, 8), "a"))}, NO_ARRAY),
    "bytes": ({"Wf.npy": npy(np.full((5, 8), b"a"))}, NO_ARRAY),
    "dates": ({"Wf.npy": npy(np.zeros((5, 8), "M8[s]"))}, NO_ARRAY),
    "spans": ({"Wf.npy": npy(np.zeros((5, 8), "m8[s]"))}, NO_ARRAY),
    "fields": ({"Wf.npy": npy(np.zeros((5, 8), "f4,f4"))}, NO_ARRAY),
    "raw": ({"Wf.npy": npy(np.zeros((5, 8), "V8"))}, NO_ARRAY),
    "objects": ({"Wf.npy": npy(np.full((5, 8), print))}, NO_ARRAY),
    "no .npy": ({"Wf.npy": b"raw"}, NO_ARRAY),
    "nothing": ({"Wf.npy": b""}, NO_ARRAY),
    "another magic": ({"Wf.npy": b"\x92" + npy(np.ones((5, 8)))[1:]}, NO_ARRAY),
    "version 4": ({"Wf.npy": npy(None, header(), b"\x04\x00", EIGHTS)}, NO_ARRAY),
    "Python 2": ({"Wf.npy": npy(None, header(shape="(5L, 8L)"), data=EIGHTS)}, NO_ARRAY),
    "negative": ({"Wf.npy": npy(None, header(shape="(-5, -8)"), data=EIGHTS)}, NO_ARRAY),
    "a strange escape": ({"Wf.npy": npy(None, header(r"'\d'"), data=EIGHTS)}, NO_ARRAY),
    "deeply nested": ({"Wf.npy": npy(None, "-" * 3000 + "1")}, NO_ARRAY),
    "code": ({"Wf.npy": npy(None, header(shape="exit()"))}, NO_ARRAY),
    "a strange size": ({"Wf.npy": npy(None, header("'<f7'"), data=EIGHTS)}, "data type '<f7'"),
    "too short": ({"Wf.npy": npy(np.ones((5, 8)))[:-1]}, "Wf: 447 bytes, its header says 448"),
    "too long": ({"Wf.npy": npy(np.ones((5, 8))) + b"\0"}, "Wf: 449 bytes, its header says 448"),
    "endless digits": ({"Wf.npy": npy(None, header(shape=f"({'9' * 99}, 8)"))}, "Wf: 168 bytes"),
    "long header": ({"Wf.npy": npy(None, " " * 9000 + header(), data=EIGHTS)}, NO_ARRAY),
}


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("case", CHANGES)
def test_a_member_that_is_no_parameter_is_refused(tmp_path, case, packing):
    changes, reason = CHANGES[case]
    file = rebuilt(tmp_path / "p.npz", changes, packing)
    if reason:
        assert reason_of(file).startswith(reason)
    else:
        assert rs.load_parameters(file).keys() == LSTM.keys()


def test_a_file_that_is_no_npz_is_refused(tmp_path):
    for name, content in [("empty", b""), ("text", b"text" * 99), ("npy", npy(OLD["Wax"]))]:
        (tmp_path / name).write_bytes(content)
        assert reason_of(tmp_path / name) == "File is not a zip file"
    zipfile.ZipFile(tmp_path / "nothing", "w").close()
    assert reason_of(tmp_path / "nothing").startswith("Wf: expected ")
    os.mkfifo(tmp_path / "pipe")
    for path in tmp_path, tmp_path / "pipe", Path("/dev/null"):
        assert reason_of(path) == "a folder or a device"
    (tmp_path / "circle").symlink_to("circle")
    assert "Too many levels of symbolic links" in reason_of(tmp_path / "circle")
    (tmp_path / "astray").symlink_to("none")
    for path in tmp_path / "none", tmp_path / "astray", tmp_path / "none/p.npz":
        said = error_of(rs.load_parameters, path)
        assert said == f"FileNotFoundError: [Errno 2] No such file or directory: '{path}'"


def test_load_never_unpickles(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    traps = np.full((5, 8), Trap())
    np.savez(tmp_path / "p.npz", **{**LSTM, "Wf": traps})
    assert reason_of(tmp_path / "p.npz") == NO_ARRAY
    with open(tmp_path / "p.npy", "wb") as file:
        np.save(file, traps)
    assert reason_of(tmp_path / "p.npy") == "File is not a zip file"
    assert not (tmp_path / "sprung").exists()


def patched(file, *changes):
    "The file with bytes changed: (signature of a record, which one, offset, bytes)"
    content = bytearray(file.read_bytes())
    for signature, which, offset, new in changes:
        at = [i for i in range(len(content)) if content.startswith(signature, i)][which] + offset
        content[at : at + len(new)] = new
    file.write_bytes(content)
    return file


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


def test_what_a_zip_says_about_itself_is_checked(tmp_path):
    plain = tmp_path / "p.npz"
    most, few = b"\xff\xff\xff\x7f", b"\x80\x00\x00\x00"
    right_for_few = zlib.crc32(npy(LSTM["Wf"])[:128]).to_bytes(4, "little")
    for changes, reason in [
        ([(CENTRAL, 0, 8, b"\x01")], "is encrypted"),
        ([(CENTRAL, 0, 16, b"abcd")], "Bad CRC-32"),
        ([(CENTRAL, 0, 24, most)], "Wf: 2147483647 bytes"),
        ([(CENTRAL, 0, 20, few)], "Bad CRC-32"),
        ([(CENTRAL, 0, 20, few), (CENTRAL, 0, 16, right_for_few)], "buffer is smaller"),
        ([(CENTRAL, 0, 42, most)], ""),
        ([(CENTRAL, 0, 46, b"Wx")], "Wx: expected only"),
        ([(LOCAL, 0, 30, b"Wx")], "differ"),
        ([(LOCAL, 0, 0, b"XXXX")], "Bad magic number"),
        ([(CENTRAL, 1, 46, b"Wf"), (LOCAL, 1, 30, b"Wf")], "one name twice"),
        ([(CENTRAL, 0, 10, b"\x63")], "Wf: a rare packing"),
    ]:
        assert reason in reason_of(patched(rebuilt(plain, {}), *changes))
    long = npy(None, header(shape="(5, 99999)"))
    rebuilt(plain, {"Wax.npy": long}, parameters=OLD)
    size = (len(long) + 8 * 5 * 99999).to_bytes(4, "little")
    patched(plain, (CENTRAL, 0, 20, size + size))
    assert reason_of(plain) == "EOFError" or reason_of(plain).startswith("Overlapped entries")
    for packing in zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA:
        assert reason_of(rebuilt(plain, {}, packing)) == "Wf: a rare packing"


def test_an_error_without_words_is_called_by_its_type(tmp_path, monkeypatch):
    file = rebuilt(tmp_path / "p.npz", {})

    def ended(*args, **kwargs):
        raise EOFError

    monkeypatch.setattr(zipfile.ZipFile, "infolist", ended)
    assert reason_of(file) == "EOFError"


def test_a_reason_is_one_line_and_short(tmp_path):
    for name in "W\nx", 9000 * "W":
        reason = reason_of(rebuilt(tmp_path / "p.npz", {f"{name}.npy": npy(LSTM["Wf"])}))
        assert "\n" not in reason
        assert len(reason) <= 200


def test_too_many_open_files_are_no_reason_to_refuse_one(tmp_path, monkeypatch):
    file = rebuilt(tmp_path / "p.npz", {})

    def full(*args, **kwargs):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(zipfile.ZipFile, "infolist", full)
    with pytest.raises(OSError, match="Too many open files"):
        rs.load_parameters(file)


# What loading may take


def test_how_far_a_file_may_unfold(tmp_path, monkeypatch):
    "Sixteen times its size, where that is more than what any file may take"
    monkeypatch.setattr(files, "_SMALL", 0)
    file = tmp_path / "p.npz"
    for zeros, is_read in (0.9, True), (0.99, False):
        rng = np.random.default_rng(0)
        large = rs.init_rnn_parameters(3, 200, 2, rng)
        large["Waa"][: int(200 * zeros)] = 0
        np.savez_compressed(file, **large)
        times = sum(array.nbytes for array in large.values()) / file.stat().st_size
        assert (2 < times < 16) if is_read else times > 17
        assert not error_of(rs.load_parameters, file) == is_read


def peak_of(call, *args):
    "What a call says, and how much memory it took on the way"
    gc.collect()
    tracemalloc.start()
    try:
        return call(*args), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def zeros(n_a, n_x=1, dtype="f4"):
    shapes = {"Wax": (n_a, n_x), "Waa": (n_a, n_a), "Wya": (1, n_a), "ba": (n_a, 1), "by": (1, 1)}
    return {name: np.zeros(shape, dtype) for name, shape in shapes.items()}


def bombs():
    "Small files that say that they are large: what is packed, and why it is refused"
    yield "one shape", zeros(4500) | {"by": np.zeros((1, 2), "f4")}, "by: expected (n_y, 1) = (1,"
    yield "all shapes", zeros(4500), "it would unfold to 81"
    yield "one dtype", zeros(2200, dtype="i1") | {"by": np.zeros((1, 1), "c16")}, "it would unfold"


@pytest.mark.parametrize(("case", "arrays", "reason"), list(bombs()))
def test_a_small_file_takes_little_memory(tmp_path, case, arrays, reason):
    file = tmp_path / "p.npz"
    np.savez_compressed(file, **arrays)
    assert file.stat().st_size < 100_000
    said, peak = peak_of(reason_of, file)
    assert said.startswith(reason)
    assert peak < 2e6


def test_a_small_network_may_be_packed_however_tightly(tmp_path):
    np.savez_compressed(tmp_path / "p.npz", **zeros(900, dtype="f8"))
    said, peak = peak_of(rs.load_parameters, tmp_path / "p.npz")
    assert is_network(said, zeros(900))
    assert peak < 2.5 * 8 * 900**2


@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
@pytest.mark.parametrize(("small", "folded"), [(0, 1), (2**26, 0)])
def test_a_file_that_is_not_packed_is_never_too_large(tmp_path, monkeypatch, dtype, small, folded):
    monkeypatch.setattr(files, "_SMALL", small)
    monkeypatch.setattr(files, "_FOLDED", folded)
    rs.save_parameters(tmp_path / "p.npz", zeros(90, dtype=dtype))
    assert is_network(rs.load_parameters(tmp_path / "p.npz"), zeros(90))
    np.savez_compressed(tmp_path / "p.npz", **zeros(90, dtype=dtype))
    assert bool(error_of(rs.load_parameters, tmp_path / "p.npz")) == (small == 0)


def test_a_lack_of_memory_is_no_fault_of_the_file(tmp_path, monkeypatch):
    rs.save_parameters(tmp_path / "p.npz", OLD)

    def none_left(*args, **kwargs):
        raise MemoryError("none left")

    monkeypatch.setattr(files, "_read", none_left)
    assert error_of(rs.load_parameters, tmp_path / "p.npz") == "MemoryError: none left"


def test_a_network_takes_its_own_size(tmp_path):
    large = rs.init_rnn_parameters(3, 1000, 2, np.random.default_rng(0))
    size = sum(w.nbytes for w in large.values())
    rs.save_parameters(tmp_path / "p.npz", large)
    assert peak_of(rs.load_parameters, tmp_path / "p.npz")[1] < 1.2 * size


def test_a_long_header_or_list_is_not_read(tmp_path):
    spaces = npy(None, " " * 30_000_000, b"\x02\x00")
    file = rebuilt(tmp_path / "p.npz", {"Wf.npy": spaces}, zipfile.ZIP_DEFLATED)
    said, peak = peak_of(reason_of, file)
    assert said == NO_ARRAY and peak < 2e6

    rebuilt(file, {f"{number:060}": b"" for number in range(20_000)})
    said, peak = peak_of(reason_of, file)
    assert said == "Truncated central directory" and peak < 8e6


# Damage


def damaged(content, chance):
    "Cut short, bits flipped, bytes overwritten, a part gone, twice or in another place"
    content, size = bytearray(content), len(content)
    i, j = sorted(chance.randrange(size + 1) for _ in range(2))
    match chance.randrange(6):
        case 0:
            del content[i:]
        case 1:
            for _ in range(chance.randint(1, 4)):
                content[chance.randrange(size)] ^= 1 << chance.randrange(8)
        case 2:
            content[i : i + 4] = chance.randbytes(4)
        case 3:
            del content[i : min(j, i + 64)]
        case 4:
            content[i:i] = content[i:j]
        case 5:
            content[i:j] = chance.randbytes(j - i)
    return bytes(content)


def tampered(file, chance):
    "A right zip, its checksums and all, around a member that is damaged"
    name = chance.choice(list(LSTM))
    member = npy(LSTM[name])
    head = damaged(member[:128], chance) + member[128:]
    whole = chance.choice([head, damaged(member, chance)])
    rebuilt(file, {f"{name}.npy": whole}, chance.choice([0, 8]))
    return name, whole


def loaded_or_refused(file):
    "The parameters, or None after the promised sentence"
    try:
        return rs.load_parameters(file)
    except ValueError as error:
        assert str(error).startswith(f"{PROMISED[12:]}{file} (")


def test_a_damaged_file_is_refused_or_right(tmp_path):
    chance, refused = random.Random(0), 0
    file = tmp_path / "p.npz"
    for save in rs.save_parameters, lambda file, w: np.savez_compressed(file, **w):
        save(file, LSTM)
        content = file.read_bytes()
        for _ in range(300):
            file.write_bytes(damaged(content, chance))
            loaded = loaded_or_refused(file)
            if loaded is None:
                refused += 1
            else:
                assert is_network(loaded, LSTM)
    assert refused > 400
    gc.collect()


def test_a_damaged_member_is_refused_or_read_as_numpy_reads_it(tmp_path):
    chance, file, refused = random.Random(1), tmp_path / "p.npz", 0
    for _ in range(300):
        name, member = tampered(file, chance)
        loaded = loaded_or_refused(file)
        if loaded is None:
            refused += 1
            continue
        expected = LSTM | {name: np.load(io.BytesIO(member))}
        for key in loaded:
            np.testing.assert_array_equal(loaded[key], expected[key])
    assert 100 < refused < 300
    gc.collect()


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
def test_the_order_of_a_file_is_not_that_of_the_parameters(tmp_path, kind):
    parameters = network(kind).parameters
    file = tmp_path / "p.npz"
    np.savez(file, **dict(reversed(parameters.items())))
    loaded = rs.load_parameters(file)
    assert list(loaded) == list(rs.RNN_PARAMETERS if kind == "rnn" else rs.LSTM_PARAMETERS)
    for name in parameters:
        np.testing.assert_array_equal(loaded[name], parameters[name])
