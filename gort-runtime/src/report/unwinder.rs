//! Walks a stack that is not the caller's, with the unwind tables of the program and its libraries.
//!
//! The system's unwinder reads the memory of a stack directly. If the stack's owner writes to it at
//! the same time, that unwinder crashes. This one reads through [`Memory`], so a stack that makes
//! no sense only yields fewer frames or wrong ones.
//!
//! This needs the feature `backtrace`. Without the feature, `unwinder_off.rs` takes its place.

use crate::arch::{REGISTERS, RETURN_ADDRESS, SAVED, SAVED_BYTES, STACK_POINTER};
use crate::report::elf::Elf;
use crate::report::memory::Memory;
use crate::report::objects::{Object, object_at};
use addr2line::gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, Error, FrameDescriptionEntry,
    NativeEndian, ParsedEhFrameHdr, Register, RegisterRule, UnwindContext, UnwindSection, Vendor,
};
use std::collections::HashMap;
use std::ptr;

/// Maximum number of frames of a stack.
const MAX_FRAMES: usize = 512;

type Section<'a> = EndianSlice<'a, NativeEndian>;

/// Walks stacks, and caches what it has found out about the code on them.
pub(crate) struct Unwinder {
    objects: Vec<Tables>,
    /// For each return address, the step to the caller's frame. `None` if there is no caller, or if
    /// the tables do not say.
    steps: HashMap<usize, Option<Step>>,
    context: UnwindContext<usize>,
}

/// The unwind tables of a loaded object.
struct Tables {
    object: Object,
    frames: Vec<u8>,
    /// The sorted index of `frames`.
    index: Vec<u8>,
    bases: BaseAddresses,
}

/// The step from a frame to its caller's frame. The canonical frame address is the value of
/// `register` plus `offset`. The registers in `saved`, among them the return address, are saved at
/// offsets from that address.
struct Step {
    register: usize,
    offset: isize,
    saved: Vec<(usize, isize)>,
}

impl Unwinder {
    pub(crate) fn new() -> Self {
        Self {
            objects: Vec::new(),
            steps: HashMap::new(),
            context: UnwindContext::new(),
        }
    }

    /// Returns the return addresses on the stack whose context `mcall` saved at `sp`, innermost
    /// first.
    pub(crate) fn walk(&mut self, memory: &mut Memory, sp: usize) -> Vec<*mut u8> {
        memory.start_at(sp);
        let mut registers = [0; REGISTERS];
        for (register, at) in SAVED {
            let Some(value) = memory.word(sp.wrapping_add(at)) else {
                return Vec::new();
            };
            registers[register] = value;
        }
        registers[STACK_POINTER] = sp.wrapping_add(SAVED_BYTES);
        let mut pcs = Vec::new();
        while pcs.len() < MAX_FRAMES && registers[RETURN_ADDRESS] != 0 {
            let pc = registers[RETURN_ADDRESS];
            pcs.push(ptr::without_provenance_mut(pc));
            let Some(caller) = self
                .step(pc)
                .and_then(|step| step.caller_registers(&registers, memory))
            else {
                break;
            };
            registers = caller;
        }
        pcs
    }

    fn step(&mut self, pc: usize) -> Option<&Step> {
        if !self.steps.contains_key(&pc) {
            let step = self.find(pc);
            self.steps.insert(pc, step);
        }
        self.steps.get(&pc)?.as_ref()
    }

    fn find(&mut self, pc: usize) -> Option<Step> {
        // The call instruction is before the address to which it returns.
        let pc = pc - 1;
        let object = object_at(ptr::without_provenance_mut(pc))?;
        let known = self.objects.iter().position(|known| known.object == object);
        let index = known.unwrap_or_else(|| {
            self.objects.push(Tables::read(object));
            self.objects.len() - 1
        });
        self.objects[index].step(pc, &mut self.context)
    }
}

impl Tables {
    fn read(object: Object) -> Self {
        let elf = Elf::open(&object.path);
        let section = |name| {
            elf.as_ref()
                .map_or((Vec::new(), 0), |elf| elf.placed_section(name))
        };
        let (frames, frames_at) = section(".eh_frame");
        let (index, index_at) = section(".eh_frame_hdr");
        Self {
            object,
            frames,
            index,
            bases: BaseAddresses::default()
                .set_eh_frame(frames_at)
                .set_eh_frame_hdr(index_at)
                .set_text(section(".text").1),
        }
    }

    fn step(&self, pc: usize, context: &mut UnwindContext<usize>) -> Option<Step> {
        let addr = pc.wrapping_sub(self.object.base) as u64;
        let mut frames = EhFrame::new(&self.frames, NativeEndian);
        if cfg!(target_arch = "aarch64") {
            frames.set_vendor(Vendor::AArch64);
        }
        let frame = self.frame_at(&frames, addr).ok()?;
        let row = frame.unwind_info_for_address(&frames, &self.bases, context, addr);
        let row = row.ok()?;
        let &CfaRule::RegisterAndOffset { register, offset } = row.cfa() else {
            return None;
        };
        let number = |register: Register| usize::from(register.0);
        let mut saved = Vec::new();
        for (register, rule) in row.registers() {
            match rule {
                RegisterRule::Offset(offset) if number(*register) < REGISTERS => {
                    saved.push((number(*register), *offset as isize));
                }
                _ => {}
            }
        }
        // A function without a return address is the first one of its stack.
        let returns = saved
            .iter()
            .any(|&(register, _)| register == RETURN_ADDRESS);
        (returns && number(register) < REGISTERS).then(|| Step {
            register: number(register),
            offset: offset as isize,
            saved,
        })
    }

    /// Returns what the tables say about the function with the code at `addr`.
    fn frame_at<'a>(
        &'a self,
        frames: &EhFrame<Section<'a>>,
        addr: u64,
    ) -> Result<FrameDescriptionEntry<Section<'a>>, Error> {
        let index = EhFrameHdr::new(&self.index, NativeEndian).parse(&self.bases, 8);
        match index.as_ref().ok().and_then(ParsedEhFrameHdr::table) {
            Some(table) => {
                table.fde_for_address(frames, &self.bases, addr, EhFrame::cie_from_offset)
            }
            None => frames.fde_for_address(&self.bases, addr, EhFrame::cie_from_offset),
        }
    }
}

impl Step {
    /// Returns the registers of the caller's frame.
    fn caller_registers(
        &self,
        registers: &[usize; REGISTERS],
        memory: &mut Memory,
    ) -> Option<[usize; REGISTERS]> {
        let frame = registers[self.register].wrapping_add_signed(self.offset);
        // Stacks grow downwards, so a caller's frame must be higher. Otherwise this is not a stack.
        if frame <= registers[STACK_POINTER] {
            return None;
        }
        let mut caller = *registers;
        for &(register, offset) in &self.saved {
            caller[register] = memory.word(frame.wrapping_add_signed(offset))?;
        }
        caller[STACK_POINTER] = frame;
        Some(caller)
    }
}
