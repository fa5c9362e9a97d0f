//! What is read back from an SVG.

/// What letters spell.
pub(crate) fn texts(svg: &str) -> Vec<&str> {
    let labels = svg.split("aria-label=\"").skip(1);
    labels.map(|label| label.split_once('"').expect("an end").0).collect()
}

/// The first place that breaks a rule of XML, as far as the figure uses it.
pub(crate) fn malformed(svg: &str) -> Option<String> {
    let allowed = |sign: char| {
        sign == '\n' || !(sign.is_control() || matches!(sign, '\u{fffe}' | '\u{ffff}'))
    };
    if let Some(sign) = svg.chars().find(|sign| !allowed(*sign)) {
        return Some(format!("sign {sign:?}"));
    }
    let mut open = Vec::new();
    for part in svg.split('<').skip(1) {
        let Some((tag, text)) = part.split_once('>') else {
            return Some(format!("tag without end: {part}"));
        };
        let name = tag.trim_matches('/').split(' ').next().unwrap_or_default();
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return Some(format!("misplaced end of {name}"));
            }
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        let entities = ["lt;", "gt;", "amp;", "quot;", "apos;"];
        let is_entity = |rest: &str| entities.iter().any(|entity| rest.starts_with(entity));
        if tag.matches('"').count() % 2 == 1
            || text.contains('>')
            || !text.split('&').skip(1).all(is_entity)
        {
            return Some(format!("unescaped: {part}"));
        }
    }
    open.pop().map(|name| format!("{name} is never closed"))
}
