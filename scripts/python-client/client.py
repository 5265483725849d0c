"""Asks a server everything that tvix.castore.v1, tvix.store.v1, and the same under Snix's names, have to offer.

Usage: client.py HOST:PORT, with the modules that protoc makes of protos/ on the path. What a Nix archive is, and its hash,
are worked out here once more, so that no mistake is made on both sides.
"""

import hashlib
import importlib
import random
import sys
import traceback

import grpc

from standard.health.v1 import health_pb2, health_pb2_grpc

ADDRESS = sys.argv[1]
INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND

# From BLAKE3's published test vectors: input i % 251, by its length.
BLAKE3 = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    102400: "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
}

# Base 32 as Nix writes it.
DIGITS = "0123456789abcdfghijklmnpqrsvwxyz"


def nix32(data):
    count = (len(data) * 8 - 1) // 5 + 1
    number = int.from_bytes(data, "little")
    return "".join(DIGITS[number >> (5 * n) & 31] for n in reversed(range(count)))


def string(data):
    return len(data).to_bytes(8, "little") + data + bytes(-len(data) % 8)


def nar_node(tree):
    kind, value = tree
    if kind == "file":
        parts = [b"type", b"regular", b"contents", value]
    elif kind == "executable":
        parts = [b"type", b"regular", b"executable", b"", b"contents", value]
    elif kind == "symlink":
        parts = [b"type", b"symlink", b"target", value]
    else:
        inner = b"".join(
            b"".join(map(string, [b"entry", b"(", b"name", name, b"node"])) + nar_node(child) + string(b")")
            for name, child in sorted(value.items())
        )
        return b"".join(map(string, [b"(", b"type", b"directory"])) + inner + string(b")")
    return b"".join(map(string, [b"(", *parts, b")"]))


def nar(tree):
    return string(b"nix-archive-1") + nar_node(tree)


class Client:
    """The services and messages under one of the two names."""

    def __init__(self, names, channel):
        load = importlib.import_module
        castore, store = f"{names}.castore.v1", f"{names}.store.v1"
        self.names = names
        self.messages = load(f"{castore}.castore_pb2")
        self.blob = load(f"{castore}.blob_service_pb2")
        self.directory = load(f"{castore}.directory_service_pb2")
        self.info = load(f"{store}.path_info_pb2")
        self.infos = load(f"{store}.path_info_service_pb2")
        self.blobs = load(f"{castore}.blob_service_pb2_grpc").BlobServiceStub(channel)
        self.directories = load(f"{castore}.directory_service_pb2_grpc").DirectoryServiceStub(channel)
        self.path_infos = load(f"{store}.path_info_service_pb2_grpc").PathInfoServiceStub(channel)
        # So that what one name stored is not what the other finds.
        self.random = random.Random(names)

    def put(self, data, size=65536):
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        return self.blobs.Put(self.blob.BlobChunk(data=piece) for piece in pieces).digest

    def read(self, digest):
        return b"".join(chunk.data for chunk in self.blobs.Read(self.blob.ReadBlobRequest(digest=digest)))

    def chunks(self, digest):
        return self.blobs.Stat(self.blob.StatBlobRequest(digest=digest, send_chunks=True)).chunks

    def get(self, digest, recursive=False):
        return list(self.directories.Get(self.directory.GetDirectoryRequest(digest=digest, recursive=recursive)))

    def noise(self, length):
        return self.random.randbytes(length)

    def tree(self):
        """A tree, as it is known here."""
        shared = ("directory", {b"note": ("file", self.noise(100))})
        return (
            "directory",
            {
                b"bin": ("directory", {b"run": ("executable", b"#!/bin/sh\necho " + self.names.encode())}),
                b"empty": ("file", b""),
                b"large": ("file", self.noise(2_000_000)),
                b"link": ("symlink", b"bin/run"),
                b"one": shared,
                b"two": shared,
                b"none": ("directory", {}),
                "ünicode".encode(): ("file", b"x"),
            },
        )

    def put_tree(self, tree, name=b""):
        """Stores blobs and directories, children first, and gives the node."""
        directories = []

        def node(tree, name):
            kind, value = tree
            m = self.messages
            if kind == "symlink":
                return m.Node(symlink=m.SymlinkNode(name=name, target=value))
            if kind != "directory":
                file = m.FileNode(name=name, digest=self.put(value), size=len(value), executable=kind == "executable")
                return m.Node(file=file)
            message = m.Directory()
            size = 0
            for child_name, child in sorted(value.items()):
                entry = node(child, child_name)
                which = entry.WhichOneof("node")
                getattr(message, {"directory": "directories", "file": "files", "symlink": "symlinks"}[which]).append(
                    getattr(entry, which)
                )
                size += 1 + (entry.directory.size if which == "directory" else 0)
            directories.append(message)
            # Only the server knows how to hash it, so it is asked about each on its own.
            digest = self.directories.Put(iter(directories_of(message, directories))).root_digest
            self.known[digest] = message
            return m.Node(directory=m.DirectoryNode(name=name, digest=digest, size=size))

        def directories_of(root, all_of_them):
            """Those that belong to the tree of `root`, in the order they were made."""
            wanted = {entry.digest for entry in root.directories}
            chosen = [root]
            for message in reversed(all_of_them[:-1]):
                digest = next(d for d, known in self.known.items() if known == message)
                if digest in wanted and message not in chosen:
                    wanted |= {entry.digest for entry in message.directories}
                    chosen.append(message)
            return reversed(chosen)

        return node(tree, name)

    known = {}


TESTS = []


def test(function):
    TESTS.append(function)
    return function


def equal(got, expected, what=""):
    if got != expected:
        raise AssertionError(f"{what}: {got!r} is not {expected!r}"[:500])


def fails(code, says, call, *args):
    """A call, and whatever it answers, must end with this status."""
    try:
        answer = call(*args)
        if hasattr(answer, "__next__"):
            list(answer)
    except grpc.RpcError as error:
        equal(error.code(), code, error.details())
        if says not in error.details():
            raise AssertionError(f"{says!r} is not in {error.details()!r}") from error
    else:
        raise AssertionError(f"no error, but {code} was expected")


@test
def published_digests(c):
    for length, digest in BLAKE3.items():
        data = bytes(i % 251 for i in range(length))
        equal(c.put(data).hex(), digest)
        equal(c.read(bytes.fromhex(digest)), data)


@test
def stat_with_chunks(c):
    data = c.noise(5_000_000)
    digest = c.put(data)
    chunks = c.chunks(digest)
    equal(sum(chunk.size for chunk in chunks), len(data))
    for chunk in chunks[:-1]:
        equal(128 * 1024 <= chunk.size <= 512 * 1024, True, f"a chunk of {chunk.size} bytes")
    at = 0
    for chunk in chunks:
        equal(c.read(chunk.digest), data[at : at + chunk.size])
        at += chunk.size
    equal(c.read(digest), data)


@test
def stat_without_chunks(c):
    equal(len(c.blobs.Stat(c.blob.StatBlobRequest(digest=c.put(b"small"))).chunks), 0)


@test
def messages_of_any_size_make_one_blob(c):
    data = c.noise(300_000)
    equal(c.put(data, 1000), c.put(data, 300_000))
    with_empty = [c.blob.BlobChunk(), c.blob.BlobChunk(data=data), c.blob.BlobChunk(data=b"")]
    equal(c.blobs.Put(iter(with_empty)).digest, c.put(data))


@test
def a_put_that_is_given_up_stores_nothing(c):
    data = c.noise(1000)

    def pieces():
        yield c.blob.BlobChunk(data=data)
        raise RuntimeError("given up")

    try:
        c.blobs.Put(pieces())
    except grpc.RpcError:
        pass
    else:
        raise AssertionError("no error")
    # The digest is known only by storing it, which is done last.
    other = c.noise(1000)
    equal(c.read(c.put(other)), other)


@test
def directories_put_and_got(c):
    empty = c.messages.Directory()
    digest = c.directories.Put(iter([empty])).root_digest
    # The canonical encoding of nothing is nothing.
    equal(digest.hex(), BLAKE3[0])
    equal(c.get(digest), [empty])
    root = c.messages.Directory(directories=[c.messages.DirectoryNode(name=b"empty", digest=digest, size=0)])
    root_digest = c.directories.Put(iter([empty, root])).root_digest
    equal(c.get(root_digest), [root])
    equal(c.get(root_digest, recursive=True), [root, empty])


@test
def a_recursive_walk(c):
    node = c.put_tree(c.tree())
    seen = c.get(node.directory.digest, recursive=True)
    wanted = [node.directory.digest]
    for message in seen:
        equal(any(c.known[digest] == message for digest in wanted), True, "mentioned before it is sent")
        wanted += [entry.digest for entry in message.directories]
    # `one` and `two` are one directory.
    equal(len(seen), 4)
    equal(len(set(wanted)), 4)
    equal(node.directory.size, 11)


@test
def archives(c):
    for tree in [
        ("file", b"Hello World!"),
        ("executable", b""),
        ("symlink", b"/nix/store/somewhere\xffelse"),
        ("directory", {}),
        c.tree(),
    ]:
        answer = c.path_infos.CalculateNAR(c.put_tree(tree))
        expected = nar(tree)
        equal(answer.nar_size, len(expected))
        equal(answer.nar_sha256, hashlib.sha256(expected).digest())


def path_info(c, tree, name, **narinfo):
    digest = c.noise(20)
    archive = nar(tree)
    narinfo = {"nar_size": len(archive), "nar_sha256": hashlib.sha256(archive).digest(), **narinfo}
    node = c.put_tree(tree, f"{nix32(digest)}-{name}".encode())
    return digest, c.info.PathInfo(node=node, narinfo=c.info.NARInfo(**narinfo))


def get_info(c, digest):
    return c.path_infos.Get(c.infos.GetPathInfoRequest(by_output_hash=digest))


@test
def path_infos_put_and_got(c):
    digest, info = path_info(c, c.tree(), "tree-1.0")
    fails(NOT_FOUND, "", get_info, c, digest)
    equal(c.path_infos.Put(info), info)
    equal(get_info(c, digest), info)


@test
def path_infos_with_everything(c):
    reference = c.noise(20)
    digest, info = path_info(
        c,
        ("file", b"refers to another"),
        "everything",
        signatures=[c.info.NARInfo.Signature(name="key-1", data=c.noise(64))],
        reference_names=[f"{nix32(reference)}-other"],
        deriver=c.info.StorePath(name="everything", digest=c.noise(20)),
        ca=c.info.NARInfo.CA(type=c.info.NARInfo.CA.TEXT_SHA256, digest=c.noise(32)),
    )
    info.references.append(reference)
    equal(c.path_infos.Put(info), info)
    equal(get_info(c, digest), info)


@test
def path_infos_listed(c):
    before = list(c.path_infos.List(c.infos.ListPathInfoRequest()))
    _, info = path_info(c, ("symlink", b"target"), "listed")
    c.path_infos.Put(info)
    after = list(c.path_infos.List(c.infos.ListPathInfoRequest()))
    equal(len(after), len(before) + 1)
    equal(info in after and info not in before, True)


@test
def bad_digests(c):
    for length in [0, 31, 33]:
        digest = bytes(length)
        fails(INVALID, "digest", c.blobs.Stat, c.blob.StatBlobRequest(digest=digest))
        fails(INVALID, "digest", c.blobs.Read, c.blob.ReadBlobRequest(digest=digest))
        fails(INVALID, "digest", c.directories.Get, c.directory.GetDirectoryRequest(digest=digest))
        fails(INVALID, "by_output_hash", c.path_infos.Get, c.infos.GetPathInfoRequest(by_output_hash=digest))


@test
def requests_that_do_not_say_what(c):
    fails(INVALID, "by_what", c.directories.Get, c.directory.GetDirectoryRequest())
    fails(INVALID, "by_what", c.path_infos.Get, c.infos.GetPathInfoRequest())
    fails(INVALID, "node", c.path_infos.CalculateNAR, c.messages.Node())


@test
def what_is_not_there(c):
    digest = bytes(32)
    fails(NOT_FOUND, "blob", c.blobs.Stat, c.blob.StatBlobRequest(digest=digest))
    fails(NOT_FOUND, "blob", c.blobs.Read, c.blob.ReadBlobRequest(digest=digest))
    for recursive in [False, True]:
        request = c.directory.GetDirectoryRequest(digest=digest, recursive=recursive)
        fails(NOT_FOUND, "directory", c.directories.Get, request)
    fails(NOT_FOUND, "", get_info, c, bytes(20))
    file = c.messages.FileNode(digest=digest, size=1)
    fails(NOT_FOUND, "blob", c.path_infos.CalculateNAR, c.messages.Node(file=file))
    directory = c.messages.DirectoryNode(digest=digest, size=1)
    fails(NOT_FOUND, "directory", c.path_infos.CalculateNAR, c.messages.Node(directory=directory))


@test
def bad_directories(c):
    m = c.messages

    def file(name, digest=bytes(32)):
        return m.FileNode(name=name, digest=digest, size=1)

    for says, directory in [
        ("files[0].name", m.Directory(files=[file(b"")])),
        ("files[0].name", m.Directory(files=[file(b".")])),
        ("files[0].name", m.Directory(files=[file(b"..")])),
        ("files[0].name", m.Directory(files=[file(b"a/b")])),
        ("files[0].name", m.Directory(files=[file(b"a\0b")])),
        ("files[1].name", m.Directory(files=[file(b"b"), file(b"a")])),
        ("files[1].name", m.Directory(files=[file(b"a"), file(b"a")])),
        ("symlinks[0].name", m.Directory(files=[file(b"a")], symlinks=[m.SymlinkNode(name=b"a", target=b"b")])),
        ("files[0].digest", m.Directory(files=[file(b"a", bytes(31))])),
        ("symlinks[0].target", m.Directory(symlinks=[m.SymlinkNode(name=b"a")])),
        ("2^53", m.Directory(directories=[m.DirectoryNode(name=b"a", digest=bytes(32), size=2**64 - 1)])),
        ("not put before", m.Directory(directories=[m.DirectoryNode(name=b"a", digest=bytes(32), size=1)])),
    ]:
        fails(INVALID, says, c.directories.Put, iter([directory]))
    fails(INVALID, "there are none", c.directories.Put, iter([]))


@test
def directories_in_a_wrong_order(c):
    m = c.messages
    child = m.Directory(symlinks=[m.SymlinkNode(name=b"a", target=c.names.encode())])
    digest = c.directories.Put(iter([child])).root_digest
    parent = m.Directory(directories=[m.DirectoryNode(name=b"child", digest=digest, size=1)])
    wrong_size = m.Directory(directories=[m.DirectoryNode(name=b"child", digest=digest, size=2)])
    fails(INVALID, "not put before", c.directories.Put, iter([parent, child]))
    fails(INVALID, "size", c.directories.Put, iter([child, wrong_size]))
    fails(INVALID, "not all of them", c.directories.Put, iter([child, m.Directory()]))
    c.directories.Put(iter([child, parent]))


@test
def bad_path_infos(c):
    def put(**narinfo):
        return c.path_infos.Put(path_info(c, ("file", b"contents"), "bad", **narinfo)[1])

    fails(INVALID, "narinfo.nar_size", lambda: put(nar_size=1))
    fails(INVALID, "narinfo.nar_sha256", lambda: put(nar_sha256=bytes(32)))
    fails(INVALID, "narinfo.nar_sha256", lambda: put(nar_sha256=bytes(20)))
    fails(INVALID, "narinfo.signatures[0]", lambda: put(signatures=[c.info.NARInfo.Signature(name="k", data=b"")]))
    fails(INVALID, "narinfo.reference_names", lambda: put(reference_names=[f"{nix32(bytes(20))}-other"]))
    fails(INVALID, "narinfo.deriver", lambda: put(deriver=c.info.StorePath(name="x", digest=bytes(19))))
    fails(INVALID, "narinfo.ca", lambda: put(ca=c.info.NARInfo.CA(digest=bytes(20))))
    _, info = path_info(c, ("file", b"contents"), "bad")
    info.node.file.name = b"no-store-path"
    fails(INVALID, "node.name", c.path_infos.Put, info)
    fails(INVALID, "narinfo", c.path_infos.Put, c.info.PathInfo(node=path_info(c, ("file", b""), "x")[1].node))
    fails(INVALID, "node", c.path_infos.Put, c.info.PathInfo())
    _, info = path_info(c, ("file", b"contents"), "elsewhere")
    info.node.file.digest = bytes(32)
    fails(grpc.StatusCode.FAILED_PRECONDITION, "blob", c.path_infos.Put, info)


@test
def bytes_that_are_no_message(c):
    with grpc.insecure_channel(ADDRESS) as channel:
        for method in ["BlobService/Stat", "DirectoryService/Get"]:
            fails(INVALID, "Request", channel.unary_stream(f"/{c.names}.castore.v1.{method}"), b"\xff\xff")
        fails(grpc.StatusCode.UNIMPLEMENTED, "", channel.unary_unary(f"/{c.names}.castore.v1.BlobService/Delete"), b"")


@test
def a_message_that_is_too_large(c):
    data = bytes(20 * 2**20)
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(ADDRESS, options) as channel:
        client = Client(c.names, channel)
        fails(grpc.StatusCode.RESOURCE_EXHAUSTED, "", client.put, data, len(data))


@test
def a_deadline_that_passes(c):
    def slowly():
        import time

        yield c.blob.BlobChunk(data=b"x")
        time.sleep(2)

    try:
        c.blobs.Put(slowly(), timeout=0.2)
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
    else:
        raise AssertionError("no error")


@test
def reading_that_is_given_up(c):
    data = c.noise(8_000_000)
    digest = c.put(data)
    call = c.blobs.Read(c.blob.ReadBlobRequest(digest=digest))
    next(call)
    call.cancel()
    equal(c.read(digest), data)


@test
def health(c):
    with grpc.insecure_channel(ADDRESS) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        serving = health_pb2.HealthCheckResponse.SERVING
        for service in ["", f"{c.names}.castore.v1.BlobService", f"{c.names}.store.v1.PathInfoService"]:
            equal(stub.Check(health_pb2.HealthCheckRequest(service=service)).status, serving)
            watch = stub.Watch(health_pb2.HealthCheckRequest(service=service))
            equal(next(watch).status, serving)
            watch.cancel()
        fails(NOT_FOUND, "no.Such", stub.Check, health_pb2.HealthCheckRequest(service="no.Such"))


@test
def reflection(c):
    from google.protobuf import descriptor_pb2, descriptor_pool

    for version in ["v1", "v1alpha"]:
        pb2 = importlib.import_module(f"standard.reflection.{version}.reflection_pb2")
        pb2_grpc = importlib.import_module(f"standard.reflection.{version}.reflection_pb2_grpc")
        service = f"{c.names}.store.v1.PathInfoService"
        with grpc.insecure_channel(ADDRESS) as channel:
            requests = [
                pb2.ServerReflectionRequest(list_services="*"),
                pb2.ServerReflectionRequest(file_containing_symbol=service),
                pb2.ServerReflectionRequest(file_containing_symbol="no.Such"),
            ]
            answers = list(pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter(requests)))
        names = {answer.name for answer in answers[0].list_services_response.service}
        for expected in ["castore.v1.BlobService", "castore.v1.DirectoryService", "store.v1.PathInfoService"]:
            equal(f"{c.names}.{expected}" in names, True, expected)
        # The files are enough to build the service again, as a client without .proto files does.
        pool = descriptor_pool.DescriptorPool()
        for data in reversed(answers[1].file_descriptor_response.file_descriptor_proto):
            pool.Add(descriptor_pb2.FileDescriptorProto.FromString(data))
        methods = [method.name for method in pool.FindServiceByName(service).methods]
        equal(methods, ["Get", "Put", "CalculateNAR", "List"])
        equal(answers[2].error_response.error_code, NOT_FOUND.value[0])


def main():
    passed = failed = 0
    with grpc.insecure_channel(ADDRESS) as channel:
        for names in ["tvix", "snix"]:
            client = Client(names, channel)
            for function in TESTS:
                try:
                    function(client)
                    passed += 1
                except Exception:  # The next one may work.
                    failed += 1
                    print(f"{names}: {function.__name__}")
                    traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(failed > 0)


main()
