//! The shared nouns of a configuration: which models and pools exist.
//!
//! Every section refers to these by name, so a name that is wrong anywhere is found while the
//! configuration is read, not while a request is.

mod config;

use std::net::SocketAddr;

pub use config::{RawModel, RawPool};

use crate::invalid::Invalid;

/// A model that is served here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The name the model servers know.
    pub name: String,
    /// Other names under which clients ask for it.
    pub aliases: Vec<String>,
    /// How many tokens prompt and answer may have together.
    pub context_window: Option<u64>,
    /// The published encoding of its tokens, if it has one.
    pub encoding: Option<Encoding>,
}

/// A published encoding, by which tokens can be counted and not only estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// GPT-4o and later.
    O200kBase,
    /// gpt-oss.
    O200kHarmony,
    /// GPT-4, GPT-3.5, the embeddings.
    Cl100kBase,
}

/// A set of servers that a route leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// What `x-llm-pool` says.
    pub name: String,
    /// The model its servers run.
    pub model: Option<String>,
    /// The versions that a split may choose between.
    pub versions: Vec<String>,
    /// Where its requests may be diverted to, in order.
    pub fallback: Vec<String>,
    /// The addresses of its servers, where one of them may be left out.
    pub endpoints: Vec<SocketAddr>,
}

/// All models and pools of a configuration, with every reference between them checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    models: Vec<Model>,
    pools: Vec<Pool>,
}

impl Catalog {
    /// The models, in the order of the configuration.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The pools, in the order of the configuration.
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// The model that a client means by `name`: its own name or one of its aliases.
    pub fn resolve(&self, name: &str) -> Option<&Model> {
        self.models
            .iter()
            .find(|model| model.name == name || model.aliases.iter().any(|a| a == name))
    }

    /// The pool called `name`.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.name == name)
    }

    /// The pool, if there is one only: requests need nobody to choose it.
    pub fn only_pool(&self) -> Option<&str> {
        match self.pools.as_slice() {
            [only] => Some(&only.name),
            _ => None,
        }
    }

    /// Reads a list that has an entry for some of the pools, each at most once. `name` says of which pool an entry
    /// is, and `read` reads it.
    ///
    /// # Errors
    /// When it is empty, an entry's pool is not known or has one already, or the entry itself is wrong.
    pub fn per_pool<R, T>(
        &self,
        raw: Vec<R>,
        name: impl Fn(&R) -> &str,
        mut read: impl FnMut(R, &Pool) -> Result<T, Invalid>,
    ) -> Result<Vec<T>, Invalid> {
        if raw.is_empty() {
            return Err(Invalid::new("", "found no entry; allowed one for each pool; add one"));
        }
        let mut pools: Vec<&Pool> = Vec::with_capacity(raw.len());
        let entry = |(index, raw): (usize, R)| {
            let pool = self.listed(name(&raw), &mut pools);
            pool.and_then(|pool| read(raw, pool)).map_err(|e| e.under(&format!("[{index}]")))
        };
        raw.into_iter().enumerate().map(entry).collect()
    }

    fn listed<'a>(&'a self, name: &str, before: &mut Vec<&'a Pool>) -> Result<&'a Pool, Invalid> {
        let Some(pool) = self.pool(name) else {
            return Err(Invalid::not_one_of("pool", name, self.pool_names(), "add it to pools"));
        };
        if before.contains(&pool) {
            let problem = format!("found `{name}` again; allowed once; put both into one");
            return Err(Invalid::new("pool", problem));
        }
        before.push(pool);
        Ok(pool)
    }

    /// The names of all pools, for messages.
    pub fn pool_names(&self) -> impl Iterator<Item = &str> {
        self.pools.iter().map(|pool| pool.name.as_str())
    }
}
