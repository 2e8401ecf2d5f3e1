//! token-router
