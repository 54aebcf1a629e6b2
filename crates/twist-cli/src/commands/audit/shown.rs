//! What was found, for people and for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use twist_data::{Action, Audit, Dataset, Finding};
use twist_io::printable;

use crate::digits::{counted, thousands};

/// Findings of each check that have a line; the table has all.
const LISTED: usize = 5;

/// A line for each check that found something, with some of its findings below.
pub(super) fn for_people(audit: &Audit, has_table: bool) -> Vec<String> {
    let against =
        audit.against.map_or(String::new(), |other| format!(", against {}", thousands(other as u64)));
    let mut lines = vec![format!("images           {}{against}", thousands(audit.images as u64))];
    for (check, count) in audit.counts() {
        lines.push(format!("{:16} {}", check.name(), thousands(count as u64)));
        let own = || {
            let is_own = |finding: &&Finding| finding.check == check && finding.action != Action::Keep;
            audit.findings.iter().filter(is_own)
        };
        lines.extend(own().take(LISTED).map(|finding| format!("  {}", line(finding))));
        let more = own().count().saturating_sub(LISTED);
        if more > 0 {
            let all = if has_table { "" } else { " (--out FILE.csv lists all)" };
            lines.push(format!("  … and {} more{all}", thousands(more as u64)));
        }
    }
    if audit.findings.is_empty() {
        lines.push("nothing was found".into());
    }
    let removed = audit.removed().len() as u64;
    if removed > 0 {
        lines.push(format!(
            "to remove        {} of {} (--move-to DIR moves them)",
            thousands(removed),
            counted(audit.images as u64, "image")
        ));
    }
    lines
}

fn line(finding: &Finding) -> String {
    let path = printable(&finding.path);
    match (&finding.other, finding.value) {
        (Some(other), Some(value)) => format!("{path} = {} ({value:.3}, {})", printable(other), finding.why),
        _ => format!("{path}: {}", printable(&finding.why)),
    }
}

/// One object.
pub(super) fn as_json(audit: &Audit, dataset: &dyn Dataset, protocol: Value) -> Value {
    let mut groups: BTreeMap<usize, Vec<&Finding>> = BTreeMap::new();
    for finding in &audit.findings {
        finding.group.into_iter().for_each(|group| groups.entry(group).or_default().push(finding));
    }
    let groups: Vec<Value> =
        groups.iter().map(|(group, images)| json!({ "group": group, "images": images })).collect();
    let counts: BTreeMap<&str, usize> =
        audit.counts().into_iter().map(|(check, count)| (check.name(), count)).collect();
    json!({
        "images": audit.images,
        "against": audit.against,
        "counts": counts,
        "remove": audit.removed().into_iter().map(|index| dataset.path(index)).collect::<Vec<_>>(),
        "groups": groups,
        "findings": audit.findings,
        "against_unreadable": audit.against_unreadable,
        "left_out": audit.left_out,
        "protocol": protocol,
    })
}
