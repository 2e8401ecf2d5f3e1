use std::path::Path;

use super::*;

/// A file in which `<v1>` and so on stand for the weights.
fn with(file: &str, weights: [u32; 3]) -> String {
    let pairs = ["<v1>", "<v2>", "<v3>"].into_iter().zip(weights);
    pairs.fold(file.to_owned(), |text, (name, weight)| text.replace(name, &weight.to_string()))
}

fn change(
    text: &str,
    weights: &[&str],
    pool: Option<&str>,
) -> Result<(String, Vec<Split>), WeightsError> {
    let wanted: Vec<Wanted> = weights.iter().map(|text| text.parse().unwrap()).collect();
    changed(Path::new("f.yaml"), text, &wanted, pool)
}

fn refused(text: &str, weights: &[&str], pool: Option<&str>) -> String {
    change(text, weights, pool).unwrap_err().to_string()
}

const WASM_PLUGIN: &str = "\
# Ours; ask before you change 10 of it.
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: llm-mesh}
spec:
  priority: 10
  pluginConfig:
    version: 1
    canary_split:
    - pool: gpu          # 90 and 10
      sticky: [{cookie: {name: v, max_age: 90s}}, conversation]
      weights:
      - {version: v1, weight: <v1>}     # was 90
      - version: 'v2'
        weight:    <v2>  # é 10
      - {weight: <v3>, version: \"v3\"}
---
kind: WasmPlugin
apiVersion: extensions.istio.io/v1alpha1
metadata: {name: llm-mesh-gate}
spec: {priority: 10}
";

const VIRTUAL_SERVICE: &str = "\
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: llm-routing
spec:
  hosts:
  - llm-service
  http:
  - match: [{uri: {prefix: /10}}]
    route: [{destination: {host: a, subset: v1}}]
  - route:
    - destination:
        host: llm-service
        subset: v1
      weight: <v1>
    - destination: {host: llm-service, subset: v2, port: {number: 10}}
      weight: <v2>
    - {destination: {host: llm-service, subset: v3}, weight: <v3>}
";

const BARE: &str = r#"{"a": 10, "canary_split": [{"pool": "gpu", "weights": [{"version": "v1", "weight": <v1>}, {"weight": <v2>, "version": "v2", "model": "m-10"}, {"version": "v3","weight":<v3>}], "b": 90}], "c": 10}"#;

/// A file that Envoy watches; the plugin's configuration is written as said, at eight columns.
fn ecds(configuration: &str) -> String {
    format!(
        "# 90 and 10
version_info: \"10\"
resources:
- \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig
  name: llm-mesh
  typed_config:
    \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
    config:
      root_id: llm-mesh
      configuration:
        \"@type\": type.googleapis.com/google.protobuf.StringValue
        value: {configuration}
      vm_config: {{vm_id: a10}}  # 10
"
    )
}

fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// Each way of writing, by its name.
fn files() -> Vec<(&'static str, String)> {
    let lines = BARE.replace(", \"", ",\n            \"").replace('[', "[\n            ");
    let in_double =
        BARE.replace('"', "\\\"").replace(": ", ":\\x20").replace(" 10", " \\x31\\u0030");
    let envoy = "static_resources:\n  listeners:\n  - filters:\n    - value: &c |+\n        ";
    let response: serde_json::Value = serde_json::json!({"version_info": "10", "resources": [
        {"name": "a10", "typed_config": {"value": BARE}}]});
    vec![
        ("WasmPlugin", WASM_PLUGIN.to_owned()),
        ("VirtualService", VIRTUAL_SERVICE.to_owned()),
        ("windows", WASM_PLUGIN.replace('\n', "\r\n")),
        ("marked", format!("\u{feff}{WASM_PLUGIN}")),
        ("literal", ecds(&format!("|\n            {lines}"))),
        ("literal, indented", ecds(&format!("|2-\n            {lines}"))),
        ("folded", ecds(&format!(">-\n            {lines}"))),
        ("double", ecds(&quoted(BARE))),
        (
            "double, escaped and folded",
            ecds(&format!("\"{}\"", in_double.replace(", ", ",\n\n             "))),
        ),
        ("single", ecds(&format!("'{BARE}'"))),
        ("single, folded", ecds(&format!("'{}'", BARE.replace(", ", ",\n             ")))),
        ("JSON", response.to_string()),
        ("JSON, pretty", format!("{response:#}")),
        ("tabs", response.to_string().replace("\\\"a\\\"", "\\t\\\"a\\\"")),
        ("bare extension", format!("name: x\ntyped_config:\n  value: '{BARE}'\n")),
        ("static", format!("{envoy}{BARE}\n\n# 10\n")),
        ("two listeners", format!("- 'no {{10'\n- value: '{BARE}'\n- value: |\n   {BARE}\n")),
    ]
}

#[test]
fn only_the_bytes_of_the_numbers_change_however_a_file_is_written() {
    for (name, file) in files() {
        let old = with(&file, [90, 10, 0]);
        for new in [[60, 30, 10], [0, 100, 0], [10, 90, 7], [2_147_483_647, 1, 1], [90, 10, 10]] {
            let named: Vec<String> =
                new.iter().zip(1..).map(|(weight, n)| format!("v{n}={weight}")).collect();
            let named: Vec<&str> = named.iter().map(String::as_str).collect();
            if name == "VirtualService" && new[0] > 100 {
                continue;
            }
            let (text, splits) =
                change(&old, &named, None).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(text, with(&file, new), "{name}");
            assert_eq!(splits.len(), if name == "two listeners" { 2 } else { 1 }, "{name}");
        }
    }
}

#[test]
fn what_changes_is_told_with_who_moves() {
    let (_, splits) =
        change(&with(WASM_PLUGIN, [90, 10, 0]), &["v1=60", "v2=30", "v3=10"], None).unwrap();
    let [split] = splits.as_slice() else { panic!("{splits:?}") };
    assert_eq!((split.kind, split.name.as_str(), split.place.line), (Kind::CanarySplit, "gpu", 10));
    assert_eq!(split.path, "spec.pluginConfig.canary_split[0]");
    let before: Vec<u32> = split.versions.iter().map(|version| version.before).collect();
    assert_eq!(before, [90, 10, 0]);
    assert_eq!(split.shares()[1], (0.1, 0.3));
    let moves = split.moves().unwrap();
    assert!((moves.least - 0.3).abs() < 1e-9 && moves.moved >= moves.least, "{moves:?}");
    let (_, splits) =
        change(&with(VIRTUAL_SERVICE, [90, 10, 0]), &["v1=80", "v2=20", "v3=0"], None).unwrap();
    assert_eq!((splits[0].kind, splits[0].moves()), (Kind::VirtualService, None));
    let (_, splits) = change(&with(&ecds(&quoted(BARE)), [1, 1, 1]), &["v1=2"], None).unwrap();
    assert_eq!(
        splits[0].path,
        "resources[0].typed_config.config.configuration.value: canary_split[0]"
    );
    assert_eq!(splits[0].place.line, 12);
}

#[test]
fn versions_that_are_not_named_stay_unless_the_weights_were_percent() {
    let file = |weights| with(WASM_PLUGIN, weights);
    assert_eq!(change(&file([9, 1, 0]), &["v2=3"], None).unwrap().0, file([9, 3, 0]));
    assert_eq!(change(&file([90, 10, 0]), &["v1=70", "v2=30"], None).unwrap().0, file([70, 30, 0]));
    assert_eq!(
        change(&file([90, 10, 0]), &["v1=90", "v2=30", "v3=0"], None).unwrap().0,
        file([90, 30, 0])
    );
    assert_eq!(
        refused(&file([90, 10, 0]), &["v2=30"], None),
        "f.yaml:10:7: spec.pluginConfig.canary_split[0]: found weights that came to 100 and would come to 120, \
         because v1, v3 would stay; allowed weights of which is clear what they are parts of; name the weights \
         of all versions"
    );
}

#[test]
fn weights_that_the_filter_would_refuse_are_refused() {
    let file = with(WASM_PLUGIN, [9, 1, 0]);
    assert_eq!(
        refused(&file, &["v1=0", "v2=0"], None),
        "f.yaml:10:7: spec.pluginConfig.canary_split[0]: found no weight above 0; allowed one or more; \
         raise that of the version to use"
    );
    assert_eq!(
        refused(&file, &["v4=1"], None),
        "f.yaml:10:7: spec.pluginConfig.canary_split[0]: found no `v4`; allowed v1, v2, v3; \
         add it to the file, or name one that is there"
    );
    assert_eq!(
        refused(&file, &["v1=1", "v1=2"], None),
        "found `v1` twice; allowed once; remove one"
    );
    assert_eq!(
        refused(&file.replace("weight:    1", "weight: -1"), &["v1=1"], None),
        "f.yaml:15:17: spec.pluginConfig.canary_split[0].weights[1].weight: found `-1`, a number; \
         allowed a whole number from 0 to 2147483647"
    );
    let twice = file.replace("'v2'", "v1");
    assert!(
        refused(&twice, &["v1=1"], None).contains("found `v1` twice; allowed once; remove one")
    );
    let rollout = file.replace("      weights:", "      rollout: {}\n      weights:");
    assert!(refused(&rollout, &["v1=1"], None).contains("found a `rollout`"));
    for (text, expected) in [
        ("v1", "found no version with a weight; write both, as in `v2=30`"),
        ("=1", "found no version with a weight; write both, as in `v2=30`"),
        ("v1=-1", "found `-1`; allowed a whole number from 0 to 2147483647; raise it"),
        (
            "v1=2147483648",
            "found `2147483648`; allowed a whole number from 0 to 2147483647; lower all in proportion",
        ),
        ("v1=1e3", "found `1e3`; allowed a whole number from 0 to 2147483647; write digits only"),
        ("v1=", "found ``; allowed a whole number from 0 to 2147483647; write digits only"),
    ] {
        assert_eq!(text.parse::<Wanted>().unwrap_err().to_string(), expected);
    }
}

#[test]
fn what_is_in_a_text_is_refused_with_its_place_in_the_file() {
    let file = with(&ecds(&format!("|\n          {BARE}")), [9, 1, 0]);
    assert_eq!(
        refused(&file.replace("\"weight\": 9", "\"weight\": \"9\""), &["v1=1"], None),
        "f.yaml:13:11: resources[0].typed_config.config.configuration.value: canary_split[0].weights[0].weight: \
         found `9`, in quotes; allowed a whole number from 0 to 2147483647"
    );
    let broken = refused(&file.replace("\"b\": 90", "b: 90"), &["v1=1"], None);
    assert!(broken.starts_with("f.yaml:13:11: resources[0].typed_config.config.configuration.value: found a text that is no JSON"), "{broken}");
}

#[test]
fn which_weights_are_meant_has_to_be_clear() {
    let other = WASM_PLUGIN.replace("pool: gpu ", "pool: cpu ");
    let file = with(&format!("{WASM_PLUGIN}---\n{other}"), [9, 1, 0]);
    assert_eq!(
        refused(&file, &["v1=1"], None),
        "f.yaml: found the weights of 2; allowed one of `cpu`, `gpu`; add `--pool` with its name"
    );
    assert_eq!(
        refused(&file, &["v1=1"], Some("tpu")),
        "f.yaml: found no weights of `tpu`; allowed one of `cpu`, `gpu`; add `--pool` with its name"
    );
    let (text, _) = change(&file, &["v1=1"], Some("cpu")).unwrap();
    assert_eq!(text, with(WASM_PLUGIN, [9, 1, 0]) + "---\n" + &with(&other, [1, 1, 0]));
    assert!(
        refused("a: 1\n", &["v1=1"], None).starts_with("f.yaml: found neither `canary_split` nor")
    );
}

#[test]
fn a_number_that_cannot_change_by_itself_is_refused() {
    let file = "a: &w 9\nb: *w\ncanary_split: [{pool: p, weights: [{version: v1, weight: *w}]}]\n";
    let error = refused(file, &["v1=1"], None);
    assert!(
        error.contains("found `9`, a number that an anchor gives to several places"),
        "{error}"
    );
    let missing = VIRTUAL_SERVICE.replace("      weight: <v2>\n", "");
    let error = refused(&with(&missing, [9, 1, 0]), &["v2=5"], None);
    assert!(
        error.contains("found no `weight` of `v2`; allowed a number to change; add `weight: 0`"),
        "{error}"
    );
}

#[test]
fn a_file_is_moved_into_place_with_its_rights_and_only_if_nobody_else_has_changed_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.yaml");
    std::fs::write(&file, with(WASM_PLUGIN, [9, 1, 0])).unwrap();
    let link = folder.path().join("link.yaml");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("plugin.yaml", &link).unwrap();
    }
    let wanted = ["v2=2".parse().unwrap()];
    let (first, second) =
        (plan(&link, &wanted, None).unwrap(), plan(&file, &wanted, None).unwrap());
    first.write().unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), with(WASM_PLUGIN, [9, 2, 0]));
    assert!(matches!(second.write(), Err(WeightsError::Changed(_))));
    assert!(!plan(&file, &wanted, None).unwrap().is_change());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

proptest::proptest! {
    #[test]
    fn no_file_makes_it_panic_and_nothing_but_digits_ever_changes(
        which in 0_usize..100, at in 0.0_f64..1.0, length in 0_usize..6,
        text in "[-0-9a-z:{}\\[\\],&*<>|'\"#! \n\t\\\\é]{0,4}",
    ) {
        let files = files();
        let mut file = with(&files[which % files.len()].1, [9, 1, 0]);
        let places: Vec<usize> = file.char_indices().map(|(place, _)| place).collect();
        let from = (at * places.len() as f64) as usize;
        let to = places.get(from + length).copied().unwrap_or(file.len());
        file.replace_range(places[from]..to, &text);
        if let Ok((changed, _)) = change(&file, &["v1=12", "v2=34"], None) {
            let bare = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
            proptest::prop_assert_eq!(bare(&changed), bare(&file));
        }
    }
}
