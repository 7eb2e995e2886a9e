//! The files that are shipped in `configs/`.

use std::fs;
use std::path::{Path, PathBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

fn read(name: &str) -> String {
    let path = directory().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_configuration_loads_without_a_warning() {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let loaded = config::load(&path).unwrap_or_else(|errors| panic!("{errors}"));
            let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
            assert_eq!(warnings, Vec::<String>::new(), "{}", path.display());
            names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    names.sort_unstable();
    assert_eq!(names, ["appliance.toml", "docker.toml", "minimal.toml"]);
}

#[test]
fn prometheus_scrapes_where_the_minimal_configuration_listens() {
    let listen =
        config::load(&directory().join("minimal.toml")).unwrap().config.metrics.unwrap().listen;
    assert!(read("prometheus.yml").contains(&format!("- targets: [\"{listen}\"]")));
}

#[test]
fn the_unit_says_each_setting_in_its_section() {
    let unit = read("sallyport.service");
    let mut section = "";
    let mut settings = Vec::new();
    for line in unit.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(name) => section = name,
            None => {
                let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
                settings.push((section, key, value));
            }
        }
    }
    for wanted in [
        ("Service", "Type", "notify"),
        ("Service", "Restart", "on-failure"),
        ("Service", "NoNewPrivileges", "yes"),
        ("Service", "RuntimeDirectory", "sallyport"),
        ("Service", "StateDirectory", "sallyport"),
        ("Service", "ExecReload", "/bin/kill -HUP $MAINPID"),
        ("Install", "WantedBy", "multi-user.target"),
    ] {
        assert!(settings.contains(&wanted), "{wanted:?} is missing in {settings:#?}");
    }
    assert!(
        settings.iter().all(|(section, _, _)| ["Unit", "Service", "Install"].contains(section))
    );
}
