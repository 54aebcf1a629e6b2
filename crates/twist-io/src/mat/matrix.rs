//! A matrix element: flags, axes, name, and what its class asks for.

use super::MAX_DEPTH;
use super::damage::MatDamage;
use super::element::{Elements, Order, kind};
use super::value::MatValue;

/// Classes of matrices, by their number in the flags.
mod class {
    pub(super) const CELL: u8 = 1;
    pub(super) const STRUCTURE: u8 = 2;
    pub(super) const OBJECT: u8 = 3;
    pub(super) const TEXT: u8 = 4;
    pub(super) const SPARSE: u8 = 5;
    pub(super) const FIRST_NUMBER: u8 = 6;
    pub(super) const LAST_NUMBER: u8 = 15;
    pub(super) const FUNCTION: u8 = 16;
}

/// Reads the content of a matrix element: its name, and its value.
pub(super) fn read(data: &[u8], order: Order, depth: usize) -> Result<(String, MatValue), MatDamage> {
    if data.is_empty() {
        // An empty cell may be written without anything inside.
        return Ok((String::new(), MatValue::Numbers { axes: vec![0, 0], values: Vec::new() }));
    }
    if depth > MAX_DEPTH {
        return Err(MatDamage::Depth(MAX_DEPTH));
    }
    let mut parts = Elements::new(data, order);
    let flags = parts.next()?;
    let class = match (flags.kind, flags.data.len()) {
        (kind::UINT32, 4..) => order.unsigned(&flags.data[..4]) as u8,
        (got, _) => return Err(MatDamage::Type { what: "the flags of a matrix", got }),
    };
    // An opaque object has no axes: its class has to be known first.
    match class {
        class::OBJECT => return Err(MatDamage::Class("an object")),
        class::SPARSE => return Err(MatDamage::Class("a sparse matrix")),
        class::FUNCTION => return Err(MatDamage::Class("a function")),
        class::CELL..=class::LAST_NUMBER => {}
        _ => return Err(MatDamage::Class("an opaque object")),
    }
    let (axes, count) = axes(&mut parts, order)?;
    let name: String = parts.next()?.units(order)?.into_iter().filter_map(char::from_u32).collect();
    let value = match class {
        class::CELL => cells(parts, order, depth, axes, count)?,
        class::STRUCTURE => structures(parts, order, depth, axes, count)?,
        class::TEXT => text(parts, order, &axes, count)?,
        class::FIRST_NUMBER.. => {
            let values = parts.next()?.numbers(order, "the numbers of a matrix")?;
            if values.len() as u64 != count {
                return Err(MatDamage::Count { expected: count, got: values.len() as u64 });
            }
            MatValue::Numbers { axes, values }
        }
        _ => return Err(MatDamage::Class("an object")),
    };
    Ok((name, value))
}

/// The axes and the number of elements.
fn axes(parts: &mut Elements<'_>, order: Order) -> Result<(Vec<usize>, u64), MatDamage> {
    let element = parts.next()?;
    if element.kind != kind::INT32 {
        return Err(MatDamage::Type { what: "the axes of a matrix", got: element.kind });
    }
    let written: Vec<i64> =
        element.numbers(order, "the axes of a matrix")?.into_iter().map(|axis| axis as i64).collect();
    let axes: Option<Vec<usize>> = written.iter().map(|&axis| usize::try_from(axis).ok()).collect();
    let counted = axes.filter(|axes| axes.len() >= 2).and_then(|axes| {
        let count = axes.iter().try_fold(1u64, |count, &axis| count.checked_mul(axis as u64))?;
        Some((axes, count))
    });
    counted.ok_or(MatDamage::Axes(written))
}

/// `count` matrices, one after another. Each takes eight bytes at least, so a wrong count takes no memory.
fn matrices(
    parts: &mut Elements<'_>,
    order: Order,
    depth: usize,
    count: u64,
) -> Result<Vec<MatValue>, MatDamage> {
    let most = (parts.left() / 8) as u64;
    if count > most {
        return Err(MatDamage::Count { expected: count, got: most });
    }
    let mut values = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let element = parts.next()?;
        if element.kind != kind::MATRIX {
            return Err(MatDamage::Type { what: "a cell or field", got: element.kind });
        }
        values.push(read(element.data, order, depth + 1)?.1);
    }
    Ok(values)
}

fn cells(
    mut parts: Elements<'_>,
    order: Order,
    depth: usize,
    axes: Vec<usize>,
    count: u64,
) -> Result<MatValue, MatDamage> {
    Ok(MatValue::Cells { axes, values: matrices(&mut parts, order, depth, count)? })
}

/// The length that each field name is padded to, the names, then the fields of each structure.
fn structures(
    mut parts: Elements<'_>,
    order: Order,
    depth: usize,
    axes: Vec<usize>,
    count: u64,
) -> Result<MatValue, MatDamage> {
    let length = parts.next()?;
    let width = match length.kind {
        kind::INT32 if length.data.len() == 4 => order.unsigned(length.data) as usize,
        _ => return Err(MatDamage::Fields),
    };
    let names = parts.next()?.data;
    if width == 0 || !names.len().is_multiple_of(width) {
        return Err(MatDamage::Fields);
    }
    let fields: Vec<String> = names
        .chunks_exact(width)
        .map(|name| {
            let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
            String::from_utf8_lossy(&name[..end]).into_owned()
        })
        .collect();
    let all = count.checked_mul(fields.len() as u64).ok_or(MatDamage::Fields)?;
    Ok(MatValue::Structures { axes, values: matrices(&mut parts, order, depth, all)?, fields })
}

/// Characters column by column, gathered to rows.
fn text(mut parts: Elements<'_>, order: Order, axes: &[usize], count: u64) -> Result<MatValue, MatDamage> {
    if count == 0 {
        return Ok(MatValue::Text(vec![String::new()]));
    }
    let units = parts.next()?.units(order)?;
    if units.len() as u64 != count {
        return Err(MatDamage::Count { expected: count, got: units.len() as u64 });
    }
    let rows = axes[0];
    let row = |first: usize| -> Result<String, MatDamage> {
        let units: Vec<u16> =
            units.iter().skip(first).step_by(rows).try_fold(Vec::new(), |mut row, &unit| {
                match char::from_u32(unit) {
                    Some(character) => row.extend_from_slice(character.encode_utf16(&mut [0; 2])),
                    // Half of a pair, which is put together below.
                    None => row.push(u16::try_from(unit).map_err(|_| MatDamage::Text(unit))?),
                }
                Ok(row)
            })?;
        String::from_utf16(&units)
            .map_err(|_| MatDamage::Text(units.first().map_or(0, |&unit| u32::from(unit))))
    };
    Ok(MatValue::Text((0..rows).map(row).collect::<Result<_, MatDamage>>()?))
}
