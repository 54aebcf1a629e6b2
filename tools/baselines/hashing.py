#!/usr/bin/env python3
"""Images per CPU second of perceptual hashing elsewhere, to compare with `twist audit`.

    python3 hashing.py FOLDER [--tool imagehash|imagededup]

Opens each image of the folder with Pillow and computes its pHash, in one process and one thread; prints images per CPU second.
Needs Pillow and ImageHash, or imagededup. The same for Twist, with all checks and the search for near copies:

    bash -c 'time twist audit FOLDER --threads 1'      # images / (user + sys)
"""

import argparse
import os
import pathlib
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


def hash_function(tool):
    if tool == "imagehash":
        import imagehash
        from PIL import Image

        return lambda path: imagehash.phash(Image.open(path))
    from imagededup.methods import PHash

    hasher = PHash(verbose=False)
    return lambda path: hasher.encode_image(image_file=path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--tool", choices=["imagehash", "imagededup"], default="imagehash")
    args = parser.parse_args()
    paths = [path for path in sorted(pathlib.Path(args.folder).rglob("*")) if path.is_file()]
    of = hash_function(args.tool)
    of(paths[0])
    began = time.process_time()
    for path in paths:
        of(path)
    seconds = time.process_time() - began
    print(f"{args.tool}: {len(paths)} images in {seconds:.1f} CPU s, {len(paths) / seconds:.0f} per CPU second")


if __name__ == "__main__":
    main()
