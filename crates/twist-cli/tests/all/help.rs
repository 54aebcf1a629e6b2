//! What people read: every `--help`, word for word.

use crate::support::Place;

/// Every command and sub-command that exists.
const COMMANDS: &[&str] = &[
    "",
    "demo",
    "train",
    "finetune",
    "eval",
    "eval knn",
    "eval classifier",
    "eval cluster",
    "eval linear",
    "eval finetune",
    "eval transfer",
    "predict",
    "embed",
    "neighbors",
    "clusters",
    "clusters MODEL show",
    "clusters MODEL rename",
    "clusters MODEL merge",
    "clusters MODEL unmerge",
    "clusters MODEL tree",
    "clusters MODEL cut",
    "clusters MODEL split",
    "clusters MODEL unsplit",
    "clusters MODEL unsure",
    "clusters MODEL keep",
    "clusters MODEL export",
    "report",
    "import",
    "export",
    "audit",
    "data",
    "data info",
    "data verify",
    "data pack",
    "bench",
    "bench pipeline",
    "bench step",
    "recipes",
    "recipes list",
    "recipes show",
    "doctor",
    "completions",
];

#[test]
fn every_help_is_as_it_was_read_last() {
    let place = Place::new();
    for command in COMMANDS {
        let help = place.run(&format!("{command} --help"));
        help.exits(0);
        assert!(help.err.is_empty(), "{}", help.err);
        let name = if command.is_empty() { "twist".to_string() } else { command.replace(' ', "_") };
        insta::assert_snapshot!(name, help.out);
    }
}

#[test]
fn every_help_has_one_layout_and_examples() {
    let place = Place::new();
    for command in COMMANDS.iter().filter(|command| !command.is_empty()) {
        let long = place.run(&format!("{command} --help")).out;
        assert_eq!(place.run(&format!("{command} -h")).out, long, "{command}: two layouts");
        assert!(long.contains("Examples:"), "{command} has no examples");
        assert!(long.lines().all(|line| line.chars().count() <= 110), "{command}: a line is too long");
    }
}

#[test]
fn help_lists_every_command() {
    let place = Place::new();
    let help = place.run("--help").out;
    let listed: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    let known: Vec<&str> =
        COMMANDS.iter().copied().filter(|name| !name.is_empty() && !name.contains(' ')).collect();
    assert_eq!(listed, known);
}

#[test]
fn completions_name_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&format!("completions {shell}"));
        script.exits(0);
        assert!(script.out.contains("recipes") && script.out.contains("doctor"), "{shell}");
    }
}

#[test]
fn completions_know_the_values_of_flags() {
    let place = Place::new();
    let cases = [
        ("bash", r#"compgen -W "auto cpu cuda""#, r#"compgen -W "demo"#),
        ("zsh", ":DEVICE:(auto cpu cuda)", ":NAME|FILE:("),
        ("fish", "-l device", "cifar10_cpu"),
    ];
    for (shell, device, recipe) in cases {
        let script = place.run(&format!("completions {shell}")).out;
        assert!(script.contains(device), "{shell}: {device}");
        assert!(script.contains(recipe), "{shell}: {recipe}");
    }
    let fish = place.run("completions fish").out;
    let device = fish.lines().find(|line| line.contains("train") && line.contains("-l device")).unwrap();
    assert!(device.contains("auto") && device.contains("cuda"), "{device}");
}

#[test]
fn version_is_the_packages() {
    assert_eq!(Place::new().run("--version").out.trim(), concat!("twist ", env!("CARGO_PKG_VERSION")));
}
