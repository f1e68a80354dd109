//! A launch plan, as a person reads it.

mod page;
#[cfg(test)]
mod tests;

pub(crate) use page::render;
