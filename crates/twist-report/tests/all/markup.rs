//! A page as a parser sees it: enough of HTML to find what does not nest, and what would leave the page.

/// Elements that have no end tag.
const VOID: [&str; 7] = ["meta", "wbr", "input", "img", "br", "hr", "link"];

/// What was found in a page.
#[derive(Debug, Default)]
pub(crate) struct Markup {
    /// Every start tag.
    pub(crate) tags: Vec<Tag>,
    /// Text between the tags, unescaped, scripts and styles left out.
    pub(crate) text: String,
}

/// One start tag.
#[derive(Debug)]
pub(crate) struct Tag {
    /// Its name.
    pub(crate) name: String,
    /// Its attributes in order, values unescaped.
    pub(crate) attributes: Vec<(String, String)>,
}

impl Tag {
    /// Whether it has the attribute.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|(key, _)| key == name)
    }
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
            found.text.push_str(&unescape(&rest[..at]));
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
                "strange tag <{tag:.80}>"
            );
            found.tags.push(Tag { name: name.to_owned(), attributes: attributes_of(attributes) });
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
        let all = self.tags.iter().flat_map(|tag| &tag.attributes);
        all.filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// How often an element occurs.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.tags.iter().filter(|tag| tag.name == name).count()
    }

    /// How many elements have a class.
    pub(crate) fn with_class(&self, name: &str) -> usize {
        self.attribute("class").iter().filter(|classes| classes.split(' ').any(|class| class == name)).count()
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
    panic!("a tag is not closed: <{text:.80}");
}

/// `a="1" b c="2"` as pairs.
fn attributes_of(mut text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return pairs;
        }
        let end = text.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(text.len());
        let name = text[..end].to_owned();
        text = &text[end..];
        let mut value = String::new();
        if let Some(quoted) = text.strip_prefix("=\"") {
            let (inside, after) = quoted.split_once('"').expect("the attribute is closed");
            (value, text) = (unescape(inside), after);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        assert!(!name.is_empty() && name.chars().all(plain), "strange attribute {name:.80}");
        pairs.push((name, value));
    }
}

/// Resolves the references that the page writes.
fn unescape(text: &str) -> String {
    let known =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/"), ("&amp;", "&")];
    known.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
