//! Files that cannot be read, and lists in files of their own.

use std::fs;
use std::path::Path;

use super::{PORTS, RULE};

fn message(path: &Path) -> String {
    config::load(path).expect_err("this is no configuration").to_string()
}

#[test]
fn a_missing_file_and_a_directory_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    assert!(message(directory.path()).contains("it is a directory"));
    let missing = message(&directory.path().join("missing.toml"));
    assert!(missing.contains("there is no such file"), "{missing}");
    assert!(missing.contains("missing.toml: error:"), "{missing}");
}

/// What would never end, or wait for ever, is refused at once; in the place of either file.
#[test]
fn what_is_no_regular_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let path = directory.path().join("fw.toml");
    for (file, why) in [
        (fifo.as_path(), "it is not a regular file"),
        (Path::new("/dev/zero"), "it is not a regular file"),
        (directory.path(), "it is a directory"),
    ] {
        let refused = message(file);
        assert!(refused.contains(&format!("cannot be read: {why}")), "{refused}");
        let list = format!("[addresses]\nlist = {{ file = {file:?} }}\n");
        fs::write(&path, format!("{PORTS}{RULE}{list}")).unwrap();
        let refused = message(&path);
        assert!(refused.contains(&format!("cannot be read: {why}")), "{refused}");
    }
}

#[test]
fn files_have_a_greatest_size() {
    let directory = tempfile::tempdir().unwrap();
    let (path, list) = (directory.path().join("fw.toml"), directory.path().join("list.txt"));
    // Of zero bytes that take no place on the disk.
    let sparse = |path: &Path, bytes| fs::File::create(path).unwrap().set_len(bytes).unwrap();
    sparse(&path, (16 << 20) + 1);
    let refused = message(&path);
    assert!(refused.contains("it is larger than 16 MiB, the limit"), "{refused}");
    sparse(&path, 16 << 20);
    let refused = message(&path);
    assert!(!refused.contains("limit"), "{}", &refused[..200]);
    sparse(&list, (64 << 20) + 1);
    fs::write(&path, format!("{PORTS}{RULE}[addresses]\nlist = {{ file = \"list.txt\" }}\n"))
        .unwrap();
    let refused = message(&path);
    assert!(refused.contains("list.txt cannot be read: it is larger than 64 MiB"), "{refused}");
}

#[test]
fn text_that_is_not_utf_8_is_refused_where_it_begins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("latin.toml");
    fs::write(&path, b"version = 1\n# caf\xe9\n").unwrap();
    let errors = config::load(&path).unwrap_err();
    let position = errors.errors[0].position.as_ref().unwrap();
    assert_eq!((position.line, position.column), (2, 6));
    assert!(errors.to_string().contains("UTF-8"), "{errors}");
}

#[test]
fn an_address_list_may_be_a_file_beside_the_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fw.toml");
    let list = "# blocked\n192.0.2.0/24\n\n198.51.100.7  # one host\n2001:db8::1-2001:db8::9\n";
    fs::write(directory.path().join("blocked.txt"), list).unwrap();
    let objects = "source = [\"blocked\"]\n[addresses]\nblocked = { file = \"blocked.txt\", not = [\"192.0.2.1\"] }\n";
    fs::write(&path, format!("{PORTS}{RULE}{objects}")).unwrap();
    let source = config::load(&path).unwrap().config.policy.rules[0].source.clone();
    for (address, within) in [
        ("192.0.2.2", true),
        ("192.0.2.1", false),
        ("198.51.100.7", true),
        ("2001:db8::9", true),
        ("::1", false),
    ] {
        assert_eq!(source.contains(address.parse().unwrap()), within, "{address}");
    }
}

#[test]
fn faults_in_a_list_are_placed_in_the_list() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fw.toml");
    fs::write(directory.path().join("list.txt"), "192.0.2.1\n  10.0.0.1/8 # x\nweb\n").unwrap();
    fs::write(&path, format!("{PORTS}{RULE}[addresses]\nlist = {{ file = \"list.txt\" }}\n"))
        .unwrap();
    let errors = config::load(&path).unwrap_err().errors;
    let places: Vec<_> = errors
        .iter()
        .map(|error| {
            let position = error.position.as_ref().unwrap();
            assert!(error.file.ends_with("list.txt"), "{error}");
            (position.line, position.column, position.width)
        })
        .collect();
    assert_eq!(places, [(2, 3, 10), (3, 1, 3)]);
}
