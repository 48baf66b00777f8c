use crate::program::run;

#[test]
fn every_shell_learns_all_commands_but_hidden_ones() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let done = run(&["completion", shell], b"");
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{shell}");
        let script = String::from_utf8(done.stdout).unwrap();
        for known in ["append", "describe", "completion", "take-over", "until"] {
            assert!(script.contains(known), "{shell}: {known}");
        }
        assert!(!script.contains("demo-writer"), "{shell}");
    }
}

#[test]
fn an_unknown_shell_is_a_matter_of_usage() {
    let done = run(&["completion", "cmd"], b"");
    assert_eq!((done.code, done.stdout.as_slice()), (2, &b""[..]));
    assert!(
        done.stderr.contains("bash, elvish, fish, powershell, zsh"),
        "{}",
        done.stderr
    );
}
