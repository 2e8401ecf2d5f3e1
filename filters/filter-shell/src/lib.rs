//! filter-shell
