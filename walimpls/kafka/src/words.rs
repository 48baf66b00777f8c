/// `1 copy`, `3 copies`.
pub(crate) fn count(number: impl Into<u64>, one: &str, many: &str) -> String {
    match number.into() {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

/// `1 broker`, `3 brokers`.
pub(crate) fn brokers(number: usize) -> String {
    count(number as u64, "broker", "brokers")
}

/// `1 copy`, `3 copies`.
pub(crate) fn copies(number: impl Into<u64>) -> String {
    count(number, "copy", "copies")
}
