"""gdb commands for programs that use gort, for running programs and for core files.

The commands call nothing in the program.

    info goroutines              every goroutine: number, name, state and place
    goroutine ID bt              the stack of a goroutine, whether it is parked, queued or running
    goroutine ID COMMAND         any other command in the frame in which it waits, for example `up`
    goroutine all bt             the stacks of all goroutines

ID is the number that dumps and `gort::current().id()` show. To load the script, use
`source gort-gdb.py`, by hand or in ~/.gdbinit. Or put a link to it next to the program, with
`-gdb.py` after the program's name, in a directory of gdb's `auto-load safe-path`.

The script reads the types of gort's runtime from the program's debug information. cargo's dev
profile has it; in other profiles, set `debug = true`. If it is missing, for example with
`debug = "line-tables-only"`, the commands say what they lack.

How it works. The runtime keeps the state of goroutines in records of a few sizes. The records are
in slabs, and SLABS is the list of slabs. A goroutine that does not run has its callee-saved
registers on top of its stack, in the frame that the runtime's `mcall` leaves
(gort-runtime/src/arch). While a command runs, an unwinder tells gdb that this frame called the
innermost frame of the selected thread. So all of gdb's commands work on the frames behind it.
"""

import struct

import gdb
import gdb.unwinder

SLABS = "gort_runtime::record::slab::SLABS"
G = "gort_runtime::proc::g::G"
STATUS = "gort_runtime::proc::gstatus::GStatus"
REASON = "gort_runtime::proc::waitreason::WaitReason"

# The frame that `mcall` leaves (gort-runtime/src/arch): the offset of each register from the saved
# stack pointer, and the frame's size.
FRAMES = {
    "i386:x86-64": ({"r15": 0, "r14": 8, "r13": 16, "r12": 24, "rbx": 32, "rbp": 40, "rip": 48}, 56),
    "aarch64": (
        {"x29": 0, "x30": 8, "pc": 8}
        | {f"x{number}": 16 + 8 * index for index, number in enumerate(range(19, 29))}
        | {f"d{number}": 96 + 8 * index for index, number in enumerate(range(8, 16))},
        160,
    ),
}
# Maximum number of frames shown of a stack.
MAX_FRAMES = 200


class Rust:
    """Makes gdb parse names as Rust while this context is entered."""

    def __enter__(self):
        self.before = gdb.parameter("language")
        gdb.execute("set language rust", to_string=True)

    def __exit__(self, *_):
        gdb.execute(f"set language {self.before}", to_string=True)


def missing(what):
    return gdb.GdbError(
        f"gort: there is no {what} in the debug information. Is this a program that uses gort, with goroutines that are"
        " not threads? Was it built with full debug information (cargo's dev profile, or `debug = true` in the profile)?"
    )


def type_of(name):
    try:
        return gdb.lookup_type(name)
    except gdb.error:
        raise missing(f"type {name}") from None


def place(type, *path):
    """Returns the offset of a field and its type."""
    offset = 0
    for name in path:
        type = type.strip_typedefs()
        found = [field for field in type.fields() if field.name == name]
        if not found:
            raise missing(f"field {name} of {type}")
        offset += found[0].bitpos // 8
        type = found[0].type
    return offset, type


def scalar(type, *path):
    """Returns the offset and the size of the number in a field, inside cells, atomics and so on."""
    offset, type = place(type, *path)
    while type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        inner = [field for field in type.strip_typedefs().fields() if field.type.sizeof > 0]
        if len(inner) != 1:
            raise missing(f"number in {type}")
        offset += inner[0].bitpos // 8
        type = inner[0].type
    return offset, type.sizeof


def words(name):
    """Returns a variant's name as words: `ChanReceive` as "chan receive"."""
    last = name.rsplit("::", 1)[-1]
    return "".join(" " + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(last))


def numbered(name):
    return {field.enumval: words(field.name) for field in type_of(name).fields()}


def memory(address, size):
    return gdb.selected_inferior().read_memory(address, size).tobytes()


def pointer(address):
    return struct.unpack("<Q", memory(address, 8))[0]


def text_at(address, size):
    """Returns the text in memory, or None if there is no valid text."""
    if not 0 < size <= 4096:
        return None
    try:
        return memory(address, size).decode().rstrip("\0")
    except (gdb.error, UnicodeDecodeError):
        return None


def location(address):
    """Reads a `core::panic::Location`: address and length of the file name, line, column."""
    if address == 0:
        return None
    try:
        file, size, line, column = struct.unpack("<QQII", memory(address, 24))
    except gdb.error:
        return None
    file = text_at(file, size)
    return file and f"{file}:{line}:{column}"


class Layout:
    """The offsets of fields in a G."""

    def __init__(self):
        g = type_of(G)
        self.size = g.sizeof
        self.numbers = {name: scalar(g, name) for name in ("status", "reason", "site", "spawned_at", "id", "has_begun")}
        self.sp = place(g, "buf")[0]
        # The two words in the lock are the address of the text's box and the length. Null: no name.
        lock, lock_type = place(g, "name")
        self.name = lock + place(lock_type, "data")[0]
        stack, stack_type = place(g, "stack", "value", "value")
        self.top = stack + place(stack_type, "top")[0]
        self.size_log2 = stack + place(stack_type, "kind", "size_log2")[0]
        self.status, self.reasons = numbered(STATUS), numbered(REASON)


class Goroutine:
    """A goroutine, as its G describes it."""

    def __init__(self, layout, bytes):
        number = {
            name: int.from_bytes(bytes[at : at + size], "little") for name, (at, size) in layout.numbers.items()
        }
        word = lambda at: int.from_bytes(bytes[at : at + 8], "little")
        self.id = number["id"]
        self.status = layout.status.get(number["status"], "?")
        self.exists = self.status not in ("idle", "dead") and self.id != 0
        self.waits = self.status in ("waiting", "observed")
        self.state = self.status
        if self.waits:
            self.state = layout.reasons.get(number["reason"] & 0xFF, "waiting")
        elif self.status == "runnable" and not number["has_begun"]:
            self.state = "created"
        self.site = number["site"] if self.waits else 0
        self.spawned_at = number["spawned_at"]
        self.box = word(layout.name), word(layout.name + 8)
        self.sp = word(layout.sp)
        self.top = word(layout.top)
        self.room = 1 << bytes[layout.size_log2] if bytes[layout.size_log2] < 40 else 0

    def name(self):
        box, size = self.box
        # The text follows the two counts of an `Arc`.
        return text_at(box + 16, size) if box else None

    def where(self):
        if at := location(self.site):
            return f"at {at}"
        if at := location(self.spawned_at):
            return f"spawned at {at}"
        return ""

    def heading(self):
        name = self.name()
        shown = f' "{name}"' if name else ""
        return f"goroutine {self.id}{shown} [{self.state}]"

    def has(self, sp):
        """Returns whether a stack pointer is in the stack, which has some KiB more than its size."""
        return self.top != 0 and self.top - self.room - (64 << 10) < sp <= self.top


def goroutines():
    """Returns all goroutines, ordered by number."""
    if gdb.selected_inferior().pid == 0 and not gdb.selected_inferior().threads():
        raise gdb.GdbError("gort: there is no process and no core file")
    with Rust():
        layout = Layout()
        symbol = gdb.lookup_static_symbol(SLABS) or gdb.lookup_global_symbol(SLABS)
        if symbol is None:
            raise missing(f"variable {SLABS}")
        lock = symbol.value()
        start, slabs = place(lock.type, "data", "__0", "value", "all")
        start += int(lock.address)
        slab = slabs.strip_typedefs().template_argument(0)
        list = pointer(start + scalar(slabs, "buf", "inner", "ptr")[0])
        count = pointer(start + scalar(slabs, "len")[0])
        base, bytes, carved = (scalar(slab, name) for name in ("base", "bytes", "carved"))
    all = []
    for index in range(count):
        one = memory(list + index * slab.sizeof, slab.sizeof)
        at, each, n = (int.from_bytes(one[o : o + size], "little") for o, size in (base, bytes, carved))
        if n == 0:
            continue
        records = memory(at, each * n)
        for i in range(n):
            goroutine = Goroutine(layout, records[i * each : i * each + layout.size])
            if goroutine.exists:
                all.append(goroutine)
    return sorted(all, key=lambda goroutine: goroutine.id)


class FrameId:
    """The identity of the frame that the unwinder replaces."""

    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class Switch(gdb.unwinder.Unwinder):
    """Presents a saved context as the caller of the innermost frame, from `enter` to `leave`."""

    def __init__(self):
        super().__init__("gort goroutine")
        self.sp = None

    def enter(self, sp):
        """Enters the context saved at `sp`. Returns False if there is none."""
        # Find the innermost frame before the unwinder takes effect.
        frame = gdb.newest_frame()
        self.innermost = int(frame.read_register("sp")), frame.pc()
        registers, self.size = FRAMES[frame.architecture().name()]
        try:
            saved = memory(sp, self.size)
        except gdb.error:
            return False
        pc = registers.get("rip", registers.get("pc"))
        if not any(saved[pc : pc + 8]):
            return False
        word = gdb.lookup_type("unsigned long")
        self.registers = {
            name: gdb.Value(saved[at : at + 8], word) for name, at in registers.items()
        }
        self.caller_sp = gdb.Value(struct.pack("<Q", sp + self.size), word)
        self.sp = sp
        gdb.invalidate_cached_frames()
        return True

    def leave(self):
        self.sp = None
        gdb.invalidate_cached_frames()

    def __call__(self, frame):
        if self.sp is None:
            return None
        pc = "rip" if "rip" in self.registers else "pc"
        if (int(frame.read_register("sp")), int(frame.read_register(pc))) != self.innermost:
            return None
        unwound = frame.create_unwind_info(FrameId(gdb.Value(self.sp), gdb.Value(self.innermost[1])))
        for name, value in self.registers.items():
            unwound.add_saved_register(name, value)
        unwound.add_saved_register("sp" if pc == "pc" else "rsp", self.caller_sp)
        return unwound


SWITCH = Switch()
gdb.unwinder.register_unwinder(None, SWITCH, replace=True)


def short(name):
    """Returns a function's name without its type arguments, which are long."""
    shown, depth = "", 0
    for at, c in enumerate(name):
        if c == "<" and (depth or at and (name[at - 1].isalnum() or name[at - 1] in "_:}")):
            depth += 1
        elif c == ">" and depth and name[at - 1] != "-":
            depth -= 1
        elif not depth:
            shown += c
    return shown


def show_stack(frame):
    """Prints the frames from this one on, numbered from 0."""
    for number in range(MAX_FRAMES):
        if frame is None or not frame.is_valid():
            return
        line = frame.find_sal()
        at = f" at {line.symtab.filename}:{line.line}" if line.symtab else ""
        name = frame.name()
        print(f"#{number:<3} {short(name) if name else hex(frame.pc())}{at}")
        try:
            frame = frame.older()
        except gdb.error as error:
            print(f"     ({error})")
            return
    print("     (more)")


def run(command, frame):
    if command in ("bt", "backtrace", "where"):
        show_stack(frame)
    else:
        frame.select()
        gdb.execute(command)


def in_goroutine(goroutine, command):
    """Runs a gdb command in the innermost frame of a goroutine."""
    thread = gdb.selected_thread()
    if thread is None:
        raise gdb.GdbError("gort: there is no thread that gdb could look from")
    frame = gdb.selected_frame()
    level = frame.level() if hasattr(frame, "level") else 0
    try:
        if goroutine.status == "running":
            for other in gdb.selected_inferior().threads():
                other.switch()
                if goroutine.has(int(gdb.newest_frame().read_register("sp"))):
                    return run(command, gdb.newest_frame())
            # It may be running a function on its thread's stack. Then its context is saved.
            if not goroutine.has(goroutine.sp):
                print("     (it runs on no thread that gdb knows)")
                return None
            thread.switch()
        elif goroutine.state == "created":
            print("     (it has not begun to run, so it has no stack)")
            return None
        if not SWITCH.enter(goroutine.sp):
            print("     (its stack cannot be read: gdb's own gcore leaves out stacks unless GORT_DEBUG=guard=mprotect is set)")
            return None
        return run(command, gdb.newest_frame().older())
    finally:
        SWITCH.leave()
        thread.switch()
        gdb.execute(f"frame {level}", to_string=True)


class InfoGoroutines(gdb.Command):
    """Lists all goroutines: number, name, state and place."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for goroutine in goroutines():
            name = goroutine.name()
            shown = f' "{name}"' if name else ""
            print(f"{goroutine.id:>6}{shown} [{goroutine.state}] {goroutine.where()}".rstrip())


class GoroutineCommand(gdb.Command):
    """Runs a command in a goroutine: `goroutine 7 bt`, `goroutine 7 info locals`.

    `goroutine all bt` shows the stacks of all goroutines.
    """

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        which, _, command = argument.strip().partition(" ")
        command = command.strip() or "bt"
        if which != "all" and not which.isdigit():
            raise gdb.GdbError("gort: which goroutine? `goroutine ID COMMAND` or `goroutine all COMMAND`")
        found = [one for one in goroutines() if which == "all" or one.id == int(which)]
        if not found:
            raise gdb.GdbError(f"gort: there is no goroutine {which}")
        for goroutine in found:
            if which == "all":
                print(f"\n{goroutine.heading()}:")
            in_goroutine(goroutine, command)


InfoGoroutines()
GoroutineCommand()
