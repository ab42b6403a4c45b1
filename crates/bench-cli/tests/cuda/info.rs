//! What `info` says of the driver and its devices.

use serde_json::Value;

use super::program::{Outcome, SHIM, json, run};

#[test]
fn info_lists_the_devices() -> Outcome {
    let settings = [("PRELU_MEM_SHIM_DEVICES", "2"), ("PRELU_MEM_SHIM_MEMORY", "123456789")];
    let report = json(&settings, &["info"])?;
    let cuda = &report["cuda"];
    assert!(cuda["driver"].as_str().is_some_and(|version| version.starts_with("12.")), "{cuda}");
    assert!(
        cuda["kernels"].as_str().is_some_and(|text| text.contains("no CUDA runtime")),
        "{cuda}"
    );
    let devices = cuda["devices"].as_array().ok_or("devices")?;
    assert_eq!(devices.len(), 2, "{cuda}");
    for (index, device) in devices.iter().enumerate() {
        assert_eq!(device["index"], index);
        assert_eq!(device["name"], SHIM);
        assert_eq!(device["memory_bytes"], 123_456_789);
        assert_eq!((&device["usable"], &device["refused"]), (&true.into(), &Value::Null));
    }
    let table = run(&settings, &["info"])?.stdout;
    for part in ["cuda:0", "cuda:1", SHIM, "can be used", "117.7 MiB"] {
        assert!(table.contains(part), "{part} in {table}");
    }
    let old = json(&[("PRELU_MEM_SHIM_CAPABILITY", "7.0")], &["info"])?;
    let device = &old["cuda"]["devices"][0];
    assert_eq!(device["usable"], false);
    assert!(device["refused"].as_str().is_some_and(|reason| reason.contains("7.5")), "{device}");
    Ok(())
}
