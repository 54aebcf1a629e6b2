"""The scenarios: each has a command that is killed, and one that resumes it."""

import os
import shutil

import inputs

CPU = ["--device", "cpu", "--threads", "1"]


class Scenario:
    """`command` writes below `roots`; `again` makes up for a kill, or says `refusal` where all is there already. `given` are
    folders that lie there before."""

    def __init__(self, name, share, command, again, roots, given=(), refusal=None):
        self.name, self.share, self.command, self.again = name, share, command, again
        self.roots, self.given, self.refusal = roots, given, refusal
        self.resumes = command[1] in ("train", "finetune")

    def prepare(self):
        """The place as it is before the command."""
        for root in self.roots:
            shutil.rmtree(root, ignore_errors=True)
        for source, target in self.given:
            shutil.copytree(source, target)


def resume(command, run):
    """Resumes the run in `run` as a user would: by its folder alone, or, if it never began, by the whole command."""
    begun = os.path.exists(f"{run}/data.json") or (command[1] == "finetune" and os.path.exists(f"{run}/config.toml"))
    return [command[0], command[1], "--resume", "--out", run, *CPU] if begun else [*command, "--resume"]


def split_again(command, run):
    """Finishes the run in `run` as a user would after a kill, and splits the class unless that is done."""
    finish = [command[0], "train", "--resume", "--out", run, *CPU]
    is_split = f"{command[0]} clusters {run} show --json | grep -q '\"clusters\": 3'"
    return ["sh", "-c", f"{' '.join(finish)} && ({is_split} || {' '.join(command)})"]


def make(twist, place, execute):
    """All scenarios, with their inputs below `place`; `execute` runs a command that must succeed."""
    at = lambda name: os.path.join(place, name)
    inputs.pictures(at("in/train"), 32)
    inputs.pictures(at("in/test"), 16)
    inputs.labels(at("in/labels.csv"), 12)
    inputs.features(at("in/x.npy"), 64, 8, 4)
    inputs.write(at("in/knn.toml"), inputs.RECIPE + inputs.VIEWS)
    inputs.write(at("in/loss.toml"), inputs.RECIPE.replace("epochs = 3", "epochs = 2") + inputs.SELF_LABEL + inputs.VIEWS)
    execute([twist, "train", at("in/train"), "--recipe", at("in/knn.toml"), "--out", at("in/model"), *CPU])
    run, cache, out = at("out/run"), at("cache"), at("out")

    def trains(name, share, *words):
        command = [twist, *words, "--out", run, *CPU]
        return Scenario(name, share, command, lambda: resume(command, run), [out, cache])

    def repeats(name, share, *words, given=(), refusal=None):
        command = [twist, *words]
        return Scenario(name, share, command, lambda: command, [out, cache], given, refusal)

    model, folder = at("in/model"), [(at("in/empty"), out)]
    os.makedirs(at("in/empty"), exist_ok=True)
    whole = [(at("in/empty"), out), (model, run)]
    # What a killed try left in the cache would answer for the next one.
    alone = [*CPU, "--no-cache"]
    head = ["--clusters", "4", "--set", "model.hidden_dim=16", "--epochs", "4", "--batch-size", "16"]
    execute([twist, "train", at("in/x.npy"), "--clusters", "2", *head[2:], "--out", at("in/head"), *CPU])
    split = [twist, "clusters", run, "split", "0", *CPU]
    return [
        trains("train, best by k-NN", 5, "train", at("in/train"), "--eval-data", at("in/test"), "--recipe", at("in/knn.toml")),
        trains("train, best by loss", 5, "train", at("in/train"), "--labels", "none", "--recipe", at("in/loss.toml")),
        trains("heads on a table", 3, "train", at("in/x.npy"), *head),
        trains("heads on images", 3, "train", at("in/train"), "--frozen", model, *head),
        trains("finetune", 4, "finetune", model, "--train", at("in/train"), "--test", at("in/test"), "--labels",
               at("in/labels.csv"), "--epochs", "3"),
        repeats("embed, parquet", 1, "embed", model, at("in/train"), "--out", f"{out}/e.parquet", "--force", *alone, given=folder),
        repeats("embed, npy", 1, "embed", model, at("in/train"), "--out", f"{out}/e.npy", "--force", *alone, given=folder),
        repeats("predict, csv", 1, "predict", model, at("in/train"), "--out", f"{out}/p.csv", "--force", *alone, given=folder),
        repeats("eval finetune --state", 1, "eval", "finetune", run, "--train", at("in/train"), "--test", at("in/test"),
                "--epochs", "2", "--seeds", "2", "--state", f"{out}/state", *CPU, given=whole),
        repeats("eval knn, cache", 2, "eval", "knn", run, "--train", at("in/train"), "--test", at("in/test"), *CPU, given=whole),
        Scenario("split a class", 3, split, lambda: split_again(split, run), [out, cache],
                 [(at("in/empty"), out), (at("in/head"), run)]),
        repeats("data pack", 2, "data", "pack", at("in/train"), "--out", f"{out}/s-%03d.tar", "--max-images", "12", "--threads",
                "1", given=folder, refusal="exists already"),
    ]
