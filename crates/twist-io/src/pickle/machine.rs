//! Pickle's stack machine: instructions in, nodes out. Nothing is called, imported or executed.

use std::collections::HashMap;
use std::io::Read;
use std::rc::Rc;

use super::calls;
use super::damage::{Fault, PickleDamage};
use super::node::{Heap, Id, MAX_NODES, Node};
use super::opcode as op;
use super::source::{ByteReader, MAX_PICKLE};

/// Reads one pickle up to its last instruction; returns its nodes and the one that it is about.
pub(super) fn run(source: &mut ByteReader<impl Read>) -> Result<(Heap, Id), Fault> {
    let begin = source.at();
    let (heap, stack, marks, memo) = (Heap::default(), Vec::new(), Vec::new(), HashMap::new());
    let mut machine = Machine { source, begin, at: begin, heap, stack, marks, memo };
    loop {
        if machine.source.at() - begin > MAX_PICKLE {
            return Err(PickleDamage::Limit { what: "bytes of pickle", most: MAX_PICKLE }.into());
        }
        machine.at = machine.source.at();
        machine.heap.justify(machine.at - begin);
        if machine.step()? {
            let root = machine.pop()?;
            return Ok((machine.heap, root));
        }
    }
}

struct Machine<'a, R> {
    source: &'a mut ByteReader<R>,
    begin: u64,
    /// Where the instruction began.
    at: u64,
    heap: Heap,
    stack: Vec<Id>,
    /// Heights of the stack at which groups of values begin.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<R: Read> Machine<'_, R> {
    /// Executes one instruction; `true` after the last one.
    fn step(&mut self) -> Result<bool, Fault> {
        match self.source.byte()? {
            op::PROTO => match self.source.byte()? {
                0..=5 => {}
                protocol => return Err(PickleDamage::Protocol(protocol).into()),
            },
            op::FRAME => {
                let _length: [u8; 8] = self.source.array()?;
            }
            op::STOP => return Ok(true),

            // The stack itself.
            op::MARK => self.mark()?,
            op::POP if self.marks.last() == Some(&self.stack.len()) => {
                self.marks.pop();
            }
            op::POP => {
                self.pop()?;
            }
            op::POP_MARK => {
                self.group()?;
            }
            op::DUP => {
                let top = self.top()?;
                self.push_id(top)?;
            }

            // The memo.
            code @ (op::PUT | op::BINPUT | op::LONG_BINPUT) => {
                let slot = self.slot(code)?;
                self.put(slot)?;
            }
            op::MEMOIZE => self.put(self.memo.len() as u64)?,
            code @ (op::GET | op::BINGET | op::LONG_BINGET) => {
                let slot = self.slot(code)?;
                self.get(slot)?;
            }

            // Containers.
            op::EMPTY_LIST | op::EMPTY_TUPLE | op::EMPTY_SET => self.push(Node::Sequence(Vec::new()))?,
            op::EMPTY_DICT => self.push(Node::Dict(Vec::new()))?,
            op::LIST | op::TUPLE | op::FROZENSET => {
                let items = self.group()?;
                self.push(Node::Sequence(items))?;
            }
            code @ (op::TUPLE1 | op::TUPLE2 | op::TUPLE3) => {
                let items = self.last(usize::from(code - op::TUPLE1) + 1)?;
                self.push(Node::Sequence(items))?;
            }
            op::DICT => {
                let items = self.group()?;
                let pairs = self.pairs(&items)?;
                self.push(Node::Dict(pairs))?;
            }
            op::APPEND => {
                let item = self.pop()?;
                self.extend_sequence(vec![item])?;
            }
            op::APPENDS | op::ADDITEMS => {
                let items = self.group()?;
                self.extend_sequence(items)?;
            }
            op::SETITEM => {
                let items = self.last(2)?;
                self.extend_dict(&items)?;
            }
            op::SETITEMS => {
                let items = self.group()?;
                self.extend_dict(&items)?;
            }

            // Classes, functions, and what they make.
            op::GLOBAL => {
                let (module, name) = (self.source.line()?, self.source.line()?);
                self.heap.make(module.len() + name.len())?;
                self.push(Node::Global(module.into(), name.into()))?;
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id| self.heap.shared_text(id).map(Rc::clone);
                let (Some(module), Some(name)) = (text(module), text(name)) else {
                    return Err(PickleDamage::Text { at: self.at }.into());
                };
                self.push(Node::Global(module, name))?;
            }
            op::BINPERSID => {
                let reference = self.pop()?;
                let storage = calls::storage(&self.heap, reference);
                self.push(Node::Storage(Rc::new(storage.ok_or(PickleDamage::Reference { at: self.at })?)))?;
            }
            op::REDUCE | op::NEWOBJ => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.push(calls::call(&self.heap, self.at, function, arguments)?)?;
            }
            op::NEWOBJ_EX => {
                let (_keywords, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.push(calls::call(&self.heap, self.at, class, arguments)?)?;
            }
            op::BUILD => {
                let attributes = self.pop()?;
                let target = self.top()?;
                if let Node::Object { state, .. } = self.heap.get_mut(target) {
                    *state = Some(attributes);
                }
            }

            // Single values.
            code => {
                let value = self.value(code)?;
                self.push(value)?;
            }
        }
        Ok(false)
    }

    /// The value that an instruction spells out.
    fn value(&mut self, code: u8) -> Result<Node, Fault> {
        let wrong = PickleDamage::Text { at: self.at };
        Ok(match code {
            op::NONE => Node::None,
            op::NEWTRUE => Node::Bool(true),
            op::NEWFALSE => Node::Bool(false),
            op::BININT1 => Node::Int(self.source.byte()?.into()),
            op::BININT2 => Node::Int(u16::from_le_bytes(self.source.array()?).into()),
            op::BININT => Node::Int(i32::from_le_bytes(self.source.array()?).into()),
            op::BINFLOAT => Node::Float(f64::from_be_bytes(self.source.array()?)),
            op::LONG1 | op::LONG4 => integer(&self.counted(code)?),
            op::INT => match self.source.line()?.trim() {
                "00" => Node::Bool(false),
                "01" => Node::Bool(true),
                number => Node::Int(number.parse().map_err(|_| wrong)?),
            },
            op::LONG => {
                Node::Int(self.source.line()?.trim().trim_end_matches('L').parse().map_err(|_| wrong)?)
            }
            op::FLOAT => Node::Float(self.source.line()?.trim().parse().map_err(|_| wrong)?),
            op::UNICODE => Node::Text(self.source.line()?.into()),
            op::STRING => Node::Text(self.source.line()?.trim_matches(['\'', '"']).into()),
            op::SHORT_BINUNICODE | op::BINUNICODE | op::BINUNICODE8 => {
                let length = self.length(code)?;
                Node::Text(self.source.text(length)?.into())
            }
            // Python 2 has one type for text and bytes.
            op::SHORT_BINSTRING | op::BINSTRING => text_or_bytes(self.counted(code)?),
            op::SHORT_BINBYTES | op::BINBYTES | op::BINBYTES8 | op::BYTEARRAY8 => {
                self.counted(code)?;
                UNKNOWN
            }
            code => return Err(PickleDamage::Instruction { at: self.at, code }.into()),
        })
    }

    /// How many bytes follow, which the short forms say in one byte and the longest in eight.
    fn length(&mut self, code: u8) -> Result<u64, Fault> {
        Ok(match code {
            op::LONG1 | op::SHORT_BINUNICODE | op::SHORT_BINSTRING | op::SHORT_BINBYTES => {
                self.source.byte()?.into()
            }
            op::BINUNICODE8 | op::BINBYTES8 | op::BYTEARRAY8 => u64::from_le_bytes(self.source.array()?),
            _ => u32::from_le_bytes(self.source.array()?).into(),
        })
    }

    /// The bytes behind their [`length`](Self::length).
    fn counted(&mut self, code: u8) -> Result<Vec<u8>, Fault> {
        let length = self.length(code)?;
        self.source.bytes(length)
    }

    fn push(&mut self, node: Node) -> Result<(), Fault> {
        self.heap.justify(self.source.at() - self.begin);
        let id = self.heap.push(node)?;
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Result<(), Fault> {
        if self.stack.len() >= MAX_NODES {
            return Err(PickleDamage::Limit { what: "values on its stack", most: MAX_NODES as u64 }.into());
        }
        self.stack.push(id);
        Ok(())
    }

    fn mark(&mut self) -> Result<(), Fault> {
        if self.marks.len() >= MAX_NODES {
            return Err(PickleDamage::Limit { what: "marks on its stack", most: MAX_NODES as u64 }.into());
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    /// The last value, of the group that is open.
    fn pop(&mut self) -> Result<Id, Fault> {
        let at = self.at;
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => self.stack.pop().ok_or(PickleDamage::Stack { at }.into()),
            false => Err(PickleDamage::Stack { at }.into()),
        }
    }

    fn top(&mut self) -> Result<Id, Fault> {
        let top = self.pop()?;
        self.stack.push(top);
        Ok(top)
    }

    /// The last `count` values in order.
    fn last(&mut self, count: usize) -> Result<Vec<Id>, Fault> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(begin) if begin >= floor => Ok(self.stack.split_off(begin)),
            _ => Err(PickleDamage::Stack { at: self.at }.into()),
        }
    }

    /// All values since the last mark.
    fn group(&mut self) -> Result<Vec<Id>, Fault> {
        let begin = self.marks.pop().ok_or(PickleDamage::Stack { at: self.at })?;
        Ok(self.stack.split_off(begin))
    }

    fn put(&mut self, slot: u64) -> Result<(), Fault> {
        let top = self.top()?;
        if self.memo.len() >= MAX_NODES {
            return Err(PickleDamage::Limit { what: "memos", most: MAX_NODES as u64 }.into());
        }
        self.heap.make(size_of::<(u64, Id)>())?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn get(&mut self, slot: u64) -> Result<(), Fault> {
        let id = self.memo.get(&slot).copied().ok_or(PickleDamage::Memo { at: self.at, slot })?;
        self.push_id(id)
    }

    /// The place in the memo that an instruction names, in a line, in one byte or in four.
    fn slot(&mut self, code: u8) -> Result<u64, Fault> {
        let at = self.at;
        Ok(match code {
            op::PUT | op::GET => self.source.line()?.trim().parse().map_err(|_| PickleDamage::Text { at })?,
            op::BINPUT | op::BINGET => self.source.byte()?.into(),
            _ => u32::from_le_bytes(self.source.array()?).into(),
        })
    }

    fn pairs(&self, items: &[Id]) -> Result<Vec<(Id, Id)>, Fault> {
        let (pairs, rest) = items.as_chunks::<2>();
        match rest {
            [] => Ok(pairs.iter().map(|&[key, value]| (key, value)).collect()),
            _ => Err(PickleDamage::Pairs { at: self.at }.into()),
        }
    }

    /// Adds to the list below; what is added to an object of an unknown class is dropped.
    fn extend_sequence(&mut self, items: Vec<Id>) -> Result<(), Fault> {
        let target = self.top()?;
        self.heap.make(size_of_val(items.as_slice()))?;
        match self.heap.get_mut(target) {
            Node::Sequence(list) => list.extend(items),
            Node::Object { .. } => {}
            _ => return Err(PickleDamage::Stack { at: self.at }.into()),
        }
        Ok(())
    }

    fn extend_dict(&mut self, items: &[Id]) -> Result<(), Fault> {
        let pairs = self.pairs(items)?;
        let target = self.top()?;
        self.heap.make(size_of_val(pairs.as_slice()))?;
        match self.heap.get_mut(target) {
            Node::Dict(dict) => dict.extend(pairs),
            Node::Object { .. } => {}
            _ => return Err(PickleDamage::Stack { at: self.at }.into()),
        }
        Ok(())
    }
}

/// A value whose content nobody asks for.
const UNKNOWN: Node = Node::Object { class: None, state: None };

fn text_or_bytes(bytes: Vec<u8>) -> Node {
    String::from_utf8(bytes).map_or(UNKNOWN, |text| Node::Text(text.into()))
}

/// A little-endian two's complement number of any length; longer ones than 128 bits mean nothing here.
fn integer(bytes: &[u8]) -> Node {
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 16];
    match wide.get_mut(..bytes.len()) {
        Some(low) => low.copy_from_slice(bytes),
        None => return UNKNOWN,
    }
    Node::Int(i128::from_le_bytes(wide))
}
