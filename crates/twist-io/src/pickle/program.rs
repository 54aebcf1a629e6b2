//! A pickle that is being written: instructions for the stack machine that reads it.

use super::opcode as op;

pub(super) struct Program(Vec<u8>);

impl Program {
    /// An empty one. Bytes need protocol 3, and bytes that are longer than 4 GiB need protocol 4.
    pub(super) fn of_protocol(protocol: u8) -> Self {
        Self(vec![op::PROTO, protocol])
    }

    pub(super) fn finished(mut self) -> Vec<u8> {
        self.0.push(op::STOP);
        self.0
    }

    /// Instructions without arguments.
    pub(super) fn does(&mut self, instructions: &[u8]) {
        self.0.extend(instructions);
    }

    /// A dictionary; `add` puts the key and the value of an entry on the stack.
    pub(super) fn dict<T>(
        &mut self,
        entries: impl IntoIterator<Item = T>,
        mut add: impl FnMut(&mut Self, T),
    ) {
        self.does(&[op::EMPTY_DICT, op::MARK]);
        for entry in entries {
            add(self, entry);
        }
        self.does(&[op::SETITEMS]);
    }

    /// A tuple.
    pub(super) fn numbers(&mut self, numbers: impl Iterator<Item = usize>) {
        self.does(&[op::MARK]);
        numbers.for_each(|number| self.number(number as i64));
        self.does(&[op::TUPLE]);
    }

    pub(super) fn number(&mut self, number: i64) {
        if let Ok(short) = i32::try_from(number) {
            self.0.push(op::BININT);
            self.0.extend(short.to_le_bytes());
        } else {
            self.0.extend([op::LONG1, 8]);
            self.0.extend(number.to_le_bytes());
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.0.push(op::BINUNICODE);
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if let Ok(short) = u32::try_from(bytes.len()) {
            self.0.push(op::BINBYTES);
            self.0.extend(short.to_le_bytes());
        } else {
            self.0.push(op::BINBYTES8);
            self.0.extend((bytes.len() as u64).to_le_bytes());
        }
        self.0.extend(bytes);
    }

    pub(super) fn global(&mut self, module: &str, name: &str) {
        self.0.push(op::GLOBAL);
        self.0.extend(format!("{module}\n{name}\n").bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_have_their_own_instruction() {
        let mut program = Program(Vec::new());
        program.number(1 << 40);
        assert_eq!(program.0, [0x8a, 8, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
}
