//! A page as a parser sees it: enough of HTML to find what does not nest, and what would leave the page.

/// Elements that have no end tag.
const VOID: [&str; 6] = ["meta", "input", "img", "br", "hr", "link"];

/// What was found in a page.
#[derive(Debug, Default)]
pub(crate) struct Markup {
    /// Every start tag: name and attributes as written.
    pub(crate) tags: Vec<(String, String)>,
    /// Text between the tags, scripts and styles left out.
    pub(crate) text: String,
}

impl Markup {
    /// Reads `html`.
    ///
    /// # Panics
    ///
    /// When tags do not nest or an attribute is not closed.
    pub(crate) fn read(html: &str) -> Self {
        let mut found = Self::default();
        let mut open: Vec<String> = Vec::new();
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            found.text.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let end = tag_end(rest);
            let tag = &rest[..end];
            rest = &rest[end + 1..];
            if tag.starts_with('!') {
                continue;
            }
            if let Some(name) = tag.strip_prefix('/') {
                let expected = open.pop();
                assert_eq!(
                    expected.as_deref(),
                    Some(name),
                    "</{name}> closes {expected:?}; still open: {open:?}"
                );
                continue;
            }
            let closed = tag.ends_with('/');
            let tag = tag.trim_end_matches('/');
            let (name, attributes) = tag.split_once(|c: char| c.is_whitespace()).unwrap_or((tag, ""));
            assert!(
                !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()),
                "strange tag <{tag}>"
            );
            found.tags.push((name.to_owned(), attributes.to_owned()));
            if closed || VOID.contains(&name) {
                continue;
            }
            if name == "script" || name == "style" {
                let close = format!("</{name}>");
                let end = rest.find(&close).unwrap_or_else(|| panic!("<{name}> is not closed"));
                rest = &rest[end + close.len()..];
                continue;
            }
            open.push(name.to_owned());
        }
        assert!(open.is_empty(), "not closed: {open:?}");
        found
    }

    /// Values of attribute `name` over all tags.
    pub(crate) fn attribute(&self, name: &str) -> Vec<&str> {
        let lead = format!("{name}=\"");
        self.tags
            .iter()
            .filter_map(|(_, attributes)| {
                let at = attributes
                    .match_indices(&lead)
                    .map(|(at, _)| at)
                    .find(|at| *at == 0 || attributes.as_bytes()[at - 1].is_ascii_whitespace())?;
                attributes[at + lead.len()..].split('"').next()
            })
            .collect()
    }

    /// How often an element occurs.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.tags.iter().filter(|(tag, _)| tag == name).count()
    }
}

/// Where the tag that begins at `text` ends: the first `>` outside quotes.
fn tag_end(text: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return at,
            _ => {}
        }
    }
    panic!("a tag is not closed: <{}", &text[..text.len().min(80)]);
}
