//! Puts the modules of faulty guests in the place of the good ones.

use std::path::{Path, PathBuf};

use crate::scenario::fault::GuestFault;
use crate::scenario::workbench::rim;
use crate::vm::sabotage;
use crate::yaml::{Error, Node};

/// Makes a faulty copy of each module below `folder`, and has every plugin of the VM load it.
pub(super) fn sabotage(
    tree: &mut Node,
    faults: &[GuestFault],
    folder: &Path,
) -> Result<(), String> {
    for (number, fault) in faults.iter().enumerate() {
        let plugins = plugins(tree);
        let plugin = plugins.iter().find(|plugin| plugin.root_id == fault.plugin);
        let plugin = plugin.ok_or_else(|| {
            let known: Vec<&str> = plugins.iter().map(|known| known.root_id.as_str()).collect();
            let known = known.join(", ");
            format!("faults[{number}]: found plugin `{}`; allowed {known}", fault.plugin)
        })?;
        let at = |error: &dyn std::fmt::Display| {
            format!("faults[{number}]: {}: {error}", plugin.module.display())
        };
        let code = std::fs::read(&plugin.module).map_err(|error| at(&error))?;
        let faulty = sabotage::apply(&code, fault.sabotage);
        let faulty = faulty.map_err(|error| at(&rim(&error)))?;
        let file = folder.join(format!("faulty-{number}.wasm"));
        std::fs::write(&file, faulty).map_err(|error| at(&error))?;
        load(tree, &plugin.vm, &file);
    }
    Ok(())
}

struct Plugin {
    root_id: String,
    vm: Node,
    module: PathBuf,
}

fn plugins(tree: &mut Node) -> Vec<Plugin> {
    let mut plugins = Vec::new();
    each(tree, &mut |node| {
        let text = |node: Option<&mut Node>| {
            node.and_then(|node| node.reader().text().ok().map(str::to_owned))
        };
        let root_id = text(node.get_mut("root_id")).unwrap_or_default();
        if let (Some(module), Some(vm)) = (text(filename(node)), node.get("vm_config")) {
            plugins.push(Plugin { root_id, vm: vm.clone(), module: module.into() });
        }
    });
    plugins
}

/// Every plugin in an equal VM: they share it, and stay together.
fn load(tree: &mut Node, vm: &Node, file: &Path) {
    let wanted = vm.to_json().ok();
    each(tree, &mut |node| {
        let own = node.get("vm_config").and_then(|own| own.to_json().ok());
        if own == wanted
            && let Some(filename) = filename(node)
        {
            *filename = Node::string(file.to_string_lossy(), &filename.place);
        }
    });
}

fn filename(plugin: &mut Node) -> Option<&mut Node> {
    ["vm_config", "code", "local", "filename"]
        .iter()
        .try_fold(plugin, |node, key| node.get_mut(key))
}

fn each(tree: &mut Node, visit: &mut impl FnMut(&mut Node)) {
    let visited: Result<(), Error> = tree.visit_mut(&mut |node| {
        if node.get("vm_config").is_some() {
            visit(node);
        }
        Ok(())
    });
    // Nothing above can fail; the visitor's type has room for those that can.
    drop(visited);
}
