#!/usr/bin/env python3
"""Compares the flags of `twist audit` with those of CleanVision on the same folder.

    twist audit FOLDER --json > found.json
    python3 against_cleanvision.py FOLDER found.json

Prints for each check how many images each of the two flags, and the part of all images on which they agree. An image is a copy for
either tool if it is in a group with another one, whether it is kept or not. Needs `pip install cleanvision`.
"""

import json
import os
import pathlib
import sys

os.environ["TQDM_DISABLE"] = "1"

CHECKS = {
    "exact_duplicates": ["exact_copy"],
    "near_duplicates": ["near_copy"],
    "dark": ["dark"],
    "light": ["bright"],
    "blurry": ["blurry"],
    "low_information": ["low_information"],
    "odd_aspect_ratio": ["aspect_ratio"],
    "odd_size": ["size"],
}


def ours(found, checks):
    """Paths that a check flags; of copies, also the image that is kept."""
    paths = set()
    for finding in found["findings"]:
        if finding["check"] in checks:
            paths.add(finding["path"])
            paths.update([finding["other"]] if finding["other"] else [])
    return paths


def main():
    folder, found = pathlib.Path(sys.argv[1]).resolve(), json.loads(pathlib.Path(sys.argv[2]).read_text())
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder))
    lab.find_issues(n_jobs=1, verbose=False)
    names = {path: str(pathlib.Path(path).relative_to(folder)) for path in lab.issues.index}
    show = "--differences" in sys.argv
    for theirs, checks in CHECKS.items():
        flagged = {names[path] for path in lab.issues.index[lab.issues[f"is_{theirs}_issue"]]}
        own = ours(found, checks)
        if theirs == "near_duplicates":
            # Exact copies are no near copies there.
            own -= ours(found, ["exact_copy"])
        apart = own ^ flagged
        agreement = 1 - len(apart) / len(names)
        print(f"{theirs:17} twist {len(own):5}  cleanvision {len(flagged):5}  both {len(own & flagged):5}  agreement {agreement:.4f}")
        if show:
            print("   only twist:", *sorted(own - flagged)[:20])
            print("   only cleanvision:", *sorted(flagged - own)[:20])


if __name__ == "__main__":
    main()
