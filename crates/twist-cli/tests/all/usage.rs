//! Wrong command lines: exit code 2, and words that help. Right ones that only print: exit code 0.

use std::process::Stdio;

use crate::support::Place;

#[test]
fn wrong_usage_exits_2_and_says_what_would_be_right() {
    let place = Place::new();
    place.pictures("photos", 16);
    let cases: [(&str, &[&str]); 19] = [
        ("", &["Usage: twist"]),
        ("trian photos", &["train"]),
        ("train", &["DATA is missing", "twist train photos/"]),
        ("train photos photos", &["quotes"]),
        ("train photos --recipe cifar10_resnt18", &["did you mean `cifar10_resnet18`?", "demo"]),
        ("train photos --recipe tiny.toml --set optim.lrr=1", &["optim.lrr", "did you mean `lr`?"]),
        ("train photos --recipe tiny.toml --set optim.lr", &["KEY=VALUE"]),
        ("train photos --recipe tiny.toml --set optim.lr=fast", &["optim.lr=fast"]),
        ("train photos --clusters 1", &["--clusters <K|auto>", "must be 2 or more, or `auto`"]),
        ("train photos --epochs 0", &["--epochs <N>", "must be 1 or more"]),
        ("train photos --batch-size 1", &["--batch-size <N>", "must be 2 or more"]),
        ("train photos --threads 70000", &["--threads <N>", "too large"]),
        ("train photos --recipe tiny.toml --set lr=0.1", &["did you mean `optim.lr`?"]),
        ("train photos --max-time 30", &["30m"]),
        ("train photos --device gpu", &["auto, cpu, cuda"]),
        ("train photos --precision fp8", &["fp32", "bf16"]),
        ("train photos --resume --force", &["--force"]),
        ("train --resume", &["--out RUN"]),
        ("recipes show dem", &["did you mean `demo`?"]),
    ];
    for (line, words) in cases {
        place.run(line).exits(2).says(words);
    }
    assert_eq!(place.names("."), ["photos", "tiny.toml"], "a wrong command line leaves nothing behind");
}

#[test]
fn a_recipe_that_does_not_fit_is_refused_before_anything_is_written() {
    let place = Place::new();
    place.pictures("photos", 16);
    let cases: [(&str, &[&str]); 4] = [
        ("train photos --recipe tiny.toml --batch-size 64", &["16 images", "--batch-size 16"]),
        ("train photos --recipe tiny.toml --set model.arch=resnet19", &["resnet19", "resnet18"]),
        ("train photos --recipe tiny.toml --precision fp16", &["fp16", "bf16"]),
        ("train photos --recipe tiny.toml --device cuda", &["cuda:0", "--device cpu"]),
    ];
    for (line, words) in cases {
        place.run(line).exits(1).says(words);
    }
    assert_eq!(place.names("."), ["photos", "tiny.toml"]);
}

#[test]
fn print_config_is_a_recipe_with_every_value_and_its_changes() {
    let place = Place::new();
    place.pictures("photos", 16);
    let printed =
        place.run("train photos --recipe tiny.toml --clusters 9 --set loss.lam2=0.5 --print-config");
    printed.exits(0);
    for line in ["dim = 9", "lam2 = 0.5", "momentum = 0.9", "brightness = 0.4"] {
        assert!(printed.out.contains(line), "{line} is not in:\n{}", printed.out);
    }
    fs_err::write(place.path("mine.toml"), &printed.out).unwrap();
    let again = place.run("train photos --recipe mine.toml --print-config");
    again.exits(0);
    let values = |text: &str| text.lines().skip(1).map(str::to_string).collect::<Vec<_>>();
    assert_eq!(values(&again.out), values(&printed.out));
}

#[test]
fn dry_run_prints_the_plan_and_leaves_nothing_behind() {
    let place = Place::new();
    place.pictures("photos", 20);
    let plan = place.run("train photos --recipe tiny.toml --dry-run");
    plan.exits(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.out).unwrap();
    assert_eq!((&plan["steps_per_epoch"], &plan["total_steps"]), (&2.into(), &6.into()));
    assert_eq!(place.names("."), ["photos", "tiny.toml"]);
}

#[test]
fn every_recipe_passes_a_dry_run() {
    let place = Place::new();
    // As many records of a label and 32 × 32 pixels as the largest batch has images.
    fs_err::write(place.path("data_batch_1.bin"), vec![0; 2048 * 3073]).unwrap();
    let mut features = twist_io::NpyWriter::create(place.path("features.npy"), 4).unwrap();
    features.push(&[0.5; 64 * 4]).unwrap();
    features.finish().unwrap();
    let recipes = fs_err::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes")).unwrap();
    let mut planned = 0;
    for recipe in recipes.map(|entry| entry.unwrap().path()) {
        let name = recipe.file_stem().unwrap().to_str().unwrap();
        let data = if name == "frozen" { "features.npy" } else { "data_batch_1.bin" };
        let done = place.run(&format!("train {data} --recipe {name} --dry-run -q"));
        done.exits(0);
        let plan: serde_json::Value = serde_json::from_str(&done.out).unwrap();
        assert!(plan["total_steps"].as_u64().unwrap() > 0, "{name}: {}", done.out);
        // One epoch is a short look, whatever the recipe is made for.
        let done = place.run(&format!("train {data} --recipe {name} --dry-run -q --epochs 1"));
        done.exits(0);
        let plan: serde_json::Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(plan["warmup_epochs"], 0, "{name}: {}", done.out);
        planned += 1;
    }
    assert!(planned >= 14, "{planned} recipes");
}

#[test]
fn without_a_recipe_one_is_made_and_its_reasons_are_given() {
    let place = Place::new();
    place.pictures("photos", 16);
    let config = place.run("train photos --device cpu --print-config");
    config.exits(0).says(&["folder_auto", "16 images, 20 pixels", "no GPU", "--recipe", "--clusters"]);
    assert!(
        config.out.contains("batch_size = 16") && config.out.contains("resnet18_cifar"),
        "{}",
        config.out
    );
    place.run("train photos --device cpu --print-config -q --recipe folder_auto").exits(0);
    let asked = place.run("train photos --device cpu --print-config --clusters 5");
    assert!(asked.out.contains("dim = 5"), "{}", asked.out);
}

#[test]
fn doctor_tells_what_is_there() {
    let place = Place::new();
    let doctor = place.run("doctor --json");
    doctor.exits(0);
    let found: serde_json::Value = serde_json::from_str(&doctor.out).unwrap();
    assert!(found["libtorch"]["version"].as_str().unwrap().starts_with("2."), "{found}");
    assert!(found["cpu"]["cores"].as_u64().unwrap() >= 1);
    assert_eq!(found["cuda"]["usable"], false, "TWIST_TORCH_CUDA=off");
    fs_err::create_dir(place.path("kept")).unwrap();
    fs_err::write(place.path("kept/a.npy"), vec![0; 200 << 20]).unwrap();
    let kept = place.twist(["doctor", "--json"]).env("TWIST_CACHE", place.path("kept")).output().unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&kept.stdout).unwrap();
    assert_eq!((&kept["features"]["gib"], kept["features"]["folder"].is_string()), (&0.2.into(), true));
    let words = place.run("doctor");
    words.exits(0);
    // The advice is that of the error, so that one leads to the other.
    for word in ["libtorch", "features", "advice     GPU: unset TWIST_TORCH_CUDA to use the GPU"] {
        assert!(words.out.contains(word), "{}", words.out);
    }
    place.pictures("photos", 4);
    place.run("train photos --device cuda").exits(1).says(&["unset TWIST_TORCH_CUDA to use the GPU"]);
}

#[test]
fn recipes_are_listed_and_shown() {
    let place = Place::new();
    let list = place.run("recipes");
    list.exits(0);
    assert_eq!(list.out, place.run("recipes list").out);
    for name in ["demo", "cifar10_cpu", "cifar10_resnet18", "imagenet_resnet50_2view"] {
        assert!(list.out.contains(name), "{}", list.out);
        assert!(place.run(&format!("recipes show {name}")).exits(0).out.contains("[schedule]"));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    for line in ["recipes show demo", "completions bash", "doctor", "train --recipe demo --print-config"] {
        let mut child =
            place.twist(line.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_step_bench_prints_the_agreed_keys() {
    let line = "bench step --arch resnet18_cifar --width 4 --size 16 --batch 4 --dim 8 --hid-dim 8 --precision fp32 \
                --device cpu --threads 1 --steps 2 --warmup 1 --json";
    let bench = Place::new().run(line);
    bench.exits(0);
    let figures: serde_json::Value = serde_json::from_str(&bench.out).unwrap();
    for key in ["step_ms", "images_per_second", "peak_memory_gib"] {
        assert!(figures[key].as_f64().unwrap() > 0.0, "{key}: {figures}");
    }
    assert_eq!(figures["protocol"]["precision"], "fp32");
}

#[test]
fn the_pipeline_bench_prints_the_agreed_keys() {
    let place = Place::new();
    fs_err::create_dir(place.path("jpegs")).unwrap();
    for number in 0..4 {
        crate::support::picture(number).save(place.path("jpegs").join(format!("{number}.jpg"))).unwrap();
    }
    for mode in ["decode", "two_view"] {
        let bench = place.run(&format!("bench pipeline jpegs --mode {mode} --threads 1 --n 3 --json"));
        bench.exits(0);
        let figures: serde_json::Value = serde_json::from_str(&bench.out).unwrap();
        assert!(figures["images_per_cpu_second"].as_f64().unwrap() > 0.0, "{figures}");
        assert_eq!((&figures["images"], &figures["protocol"]["mode"]), (&3.into(), &mode.into()));
    }
}

#[test]
fn words_in_another_order_are_told_the_right_one() {
    let place = Place::new();
    place
        .run("clusters rename runs/a 3 foo")
        .exits(2)
        .says(&["MODEL stands before `rename`", "`twist clusters runs/a rename 3 foo`"]);
    place.run("info photos").exits(2).says(&["`twist data info photos`"]);
    place.run("train photos --device gpu").exits(2).says(&["a GPU is cuda"]);
    place
        .run("train ~/photos --threads 1000")
        .exits(1)
        .says(&["--threads 1000 is more than the cores", "the shell does not expand `~`"]);
}

/// OpenMP says what it read when it is loaded.
#[test]
fn threads_wait_shortly_unless_somebody_chose_otherwise() {
    let spins = |variables: &[(&str, &str)], args: &[&str]| {
        let place = Place::new();
        let mut twist = place.twist(args);
        twist.env_remove("GOMP_SPINCOUNT").env_remove("OMP_WAIT_POLICY").env("OMP_DISPLAY_ENV", "verbose");
        let output = twist.envs(variables.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = said.lines().rev().find_map(|line| line.trim().strip_prefix("GOMP_SPINCOUNT = "));
        line.unwrap_or_else(|| panic!("OpenMP says nothing: {said}")).to_owned()
    };
    let computing = ["embed", "missing-model", "missing-images", "--out", "x.npy"];
    assert_eq!(spins(&[], &computing), "'6000'");
    assert_eq!(spins(&[("GOMP_SPINCOUNT", "7")], &computing), "'7'");
    assert_ne!(spins(&[("OMP_WAIT_POLICY", "active")], &computing), "'6000'");
    assert_ne!(spins(&[], &["recipes"]), "'6000'", "nothing is computed");
}
