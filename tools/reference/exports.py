"""Opens what `twist export` writes in the programs that it is for, and compares what they compute.

    python3 tools/reference/exports.py TWIST

needs torch, torchvision, timm, transformers, onnx, onnxruntime, tract and safetensors. For each network a checkpoint with random
weights, in which every tensor matters, is written by timm, torchvision or transformers, imported, and exported. It prints the
largest difference of features between the exported file and the library, and exits with 1 where one is above 1e-4 (1e-5 for
state dicts and for transformers), where transformers misses a tensor or does not expect one, where a folder is not imported as
the model that it was, or where Detectron2's file is not what the released converter writes.
"""

import json
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import timm
import torch
import torchvision
import tract
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file

transformers.logging.disable_progress_bar()
transformers.logging.set_verbosity_error()

TWIST = str(Path(sys.argv[1]).resolve())

# Library, its name of the network, Twist's where tensors do not tell, side of the images.
NETWORKS = [
    ("torchvision", "resnet18", None, 224),
    ("torchvision", "resnet50", None, 224),
    ("torchvision", "convnext_tiny", None, 224),
    ("timm", "convnext_tiny", None, 224),
    ("timm", "tf_efficientnet_lite0", None, 224),
    ("timm", "vit_tiny_patch16_224", None, 224),
    ("timm", "vit_small_patch16_224", None, 224),
    ("timm", "vit_small_patch14_reg4_dinov2", None, 224),
    ("timm", "vit_base_patch32_clip_224", "openclip_b32_class", 224),
    ("timm", "vit_base_patch16_siglip_224", None, 224),
]

SMALL = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3}
VIT = {**SMALL, "image_size": 56, "patch_size": 14}

# Type of the network at transformers, what its configuration says, side of the images. Tables of positions for another side
# are stretched by transformers and by Twist in two ways; then Twist's own features are what is expected.
HUGGING_FACE = [
    ("resnet", {"embedding_size": 8, "hidden_sizes": [32, 64, 128, 256], "depths": [1, 2, 1, 1]}, 64),
    ("resnet", {"embedding_size": 8, "hidden_sizes": [8, 16, 32, 64], "depths": [2, 1, 1, 1], "layer_type": "basic"}, 64),
    ("convnext", {"hidden_sizes": [8, 16, 32, 64], "depths": [1, 1, 2, 1], "layer_norm_eps": 1e-6}, 64),
    ("vit", {**VIT, "intermediate_size": 100, "layer_norm_eps": 1e-6}, 56),
    ("vit", {**VIT, "intermediate_size": 100, "layer_norm_eps": 1e-6}, 28),
    ("dinov2", VIT, 56),
    ("dinov2", VIT, 28),
    ("dinov2", {**VIT, "use_swiglu_ffn": True}, 56),
    ("dinov2_with_registers", VIT, 56),
    ("dinov2_with_registers", VIT, 28),
    ("dinov3_vit", {**SMALL, "intermediate_size": 100, "num_register_tokens": 2}, 64),
    ("dinov3_vit", {**SMALL, "intermediate_size": 100, "num_register_tokens": 4, "use_gated_mlp": True, "hidden_act": "silu"}, 64),
    ("clip_vision_model", {**VIT, "intermediate_size": 100}, 56),
    ("clip_vision_model", {**VIT, "intermediate_size": 100, "hidden_act": "gelu"}, 28),
    ("siglip_vision_model", {**VIT, "intermediate_size": 100}, 56),
]

STRETCHED_ALIKE = ["dinov2_with_registers", "dinov3_vit", "resnet", "convnext"]


def scattered(net):
    """Gives every tensor values that matter."""
    with torch.no_grad():
        for key, tensor in net.state_dict().items():
            if key.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif tensor.is_floating_point() and tensor.dim() == 1:
                tensor.uniform_(0.2, 0.6)
    return net.eval()


def made(library, name, side):
    torch.manual_seed(0)
    if library == "torchvision":
        net = torchvision.models.get_model(name)
        setattr(net, *("fc", torch.nn.Identity()) if hasattr(net, "fc") else ("classifier", net.classifier[:2]))
    else:
        size = {"img_size": side} if name.startswith("vit_") else {}
        net = timm.create_model(name, num_classes=0, **size)
    return scattered(net)


def twist(*words):
    done = subprocess.run([TWIST, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"twist {' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


def of_onnx(model, images):
    """Features by onnxruntime and by tract of the exported network."""
    file = model.with_suffix(".onnx")
    twist("export", model, "--out", file, "--force")
    onnx.checker.check_model(str(file), full_check=True)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    network = tract.onnx().load(str(file))
    network.set_input_fact(0, ",".join(map(str, images.shape)) + ",f32")
    return {
        "onnxruntime": session.run(["features"], {"images": images.numpy()})[0],
        "tract": network.into_model().into_runnable().run([images.numpy()])[0].to_numpy(),
    }


def card(model):
    with safe_open(model, "pt") as file:
        said = json.loads(file.metadata()["twist"])["twist_model"]
    return {**said, "origin": None}


def by_transformers(folder, images):
    """The features of an exported folder, and what transformers missed in it or did not expect."""
    config = transformers.AutoConfig.from_pretrained(folder)
    projects = config.architectures == ["CLIPVisionModelWithProjection"]
    kind = transformers.CLIPVisionModelWithProjection if projects else transformers.AutoModel
    net, info = kind.from_pretrained(folder, output_loading_info=True)
    wrong = [f"{what} {sorted(info[what])}" for what in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[what]]
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    picture = np.zeros((90, 120, 3), np.uint8)
    shape = list(processor(picture, return_tensors="pt")["pixel_values"].shape)
    if shape != [1, *images.shape[1:]]:
        wrong.append(f"the processor makes {shape}")
    with torch.no_grad():
        output = net.eval()(images)
    return (output.image_embeds if projects else output.pooler_output).flatten(1).numpy(), wrong


def exported_to_hugging_face(model, images, stretched=False):
    """Features at transformers and faults of an export of `model`; the folder has to be imported as the same model. A stretched
    table of positions changes its name."""
    folder = model.with_suffix(".hf")
    twist("export", model, "--to", "hf", "--out", folder, "--force")
    features, wrong = by_transformers(folder, images)
    again = model.with_suffix(".again.safetensors")
    twist("import", folder, "--out", again, "--force")
    if not np.array_equal(of_onnx(model, images)["onnxruntime"], of_onnx(again, images)["onnxruntime"]):
        wrong.append("imported, it has other features")
    before, after = card(model), card(again)
    if stretched:
        after["backbone"] = before["backbone"]
    wrong += [f"imported, {field} is {after[field]}" for field in before if before[field] != after[field]]
    return features, wrong


def from_hugging_face(folder, kind, said, side):
    """A model of Twist of a network of transformers, images, the features that the library has for them, and whether its table of
    positions is stretched in another way than Twist's, so that the features are Twist's."""
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, **said)
    net = scattered(transformers.AutoModel.from_config(config))
    source, model = folder / "source", folder / "model.safetensors"
    shutil.rmtree(source, ignore_errors=True)
    net.save_pretrained(source)
    size = {"size": {"height": side, "width": side}, "image_processor_type": "ViTImageProcessor"}
    normal = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.25, 0.3], "resample": 3}
    (source / "preprocessor_config.json").write_text(json.dumps({**size, **normal}))
    twist("import", source, "--out", model, "--force")
    images = torch.rand(3, 3, side, side)
    stretched = said.get("image_size", side) != side and kind not in STRETCHED_ALIKE
    if stretched:
        return model, images, of_onnx(model, images)["onnxruntime"], stretched
    with torch.no_grad():
        output = net(images)
    expected = output.last_hidden_state[:, 0] if kind == "vit" else output.pooler_output.flatten(1)
    return model, images, expected.numpy(), stretched


def of_released_converter(state):
    """detection/convert-pretrain-to-detectron2.py of the released TWIST, from its `backbone`."""
    converted = {}
    for k, v in state.items():
        if "layer" not in k:
            k = "stem." + k
        for t in [1, 2, 3, 4]:
            k = k.replace(f"layer{t}", f"res{t + 1}")
        for t in [1, 2, 3]:
            k = k.replace(f"bn{t}", f"conv{t}.norm")
        k = k.replace("downsample.0", "shortcut")
        k = k.replace("downsample.1", "shortcut.norm")
        converted[k] = v.numpy()
    return {"model": converted, "__author__": "TWIST", "matching_heuristics": True}


def unlike_detectron2(model):
    """In what an export for Detectron2 is not what the released converter writes."""
    ours, backbone = model.with_suffix(".pkl"), model.with_suffix(".pth")
    twist("export", model, "--to", "detectron2", "--out", ours, "--force")
    twist("export", model, "--out", backbone, "--force")
    expected = of_released_converter(torch.load(backbone, weights_only=True)["backbone"])
    with open(ours, "rb") as file:
        found = pickle.load(file)
    with open(ours, "rb") as file:
        # As Detectron2 itself reads it.
        latin = pickle.load(file, encoding="latin1")
    wrong = [key for key in ("__author__", "matching_heuristics") if found[key] != expected[key]]
    wrong += [] if list(found) == list(expected) and list(found["model"]) == list(expected["model"]) else ["names"]
    for name, array in expected["model"].items():
        for own in (found["model"][name], latin["model"][name]):
            alike = type(own) is np.ndarray and own.dtype == array.dtype and own.shape == array.shape
            if not alike or not np.array_equal(own, array) or pickle.dumps(own, 4) != pickle.dumps(array.copy(), 4):
                wrong.append(name)
    return wrong


def main():
    passed = []

    def tell(name, what, far, most, wrong=()):
        fine = far <= most and not wrong
        print(f"{name:32} {what:14} {far:.1e}{'' if fine else '  TOO FAR ' + '; '.join(wrong)}", flush=True)
        passed.append(fine)

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        model = folder / "model.safetensors"
        for kind, said, side in HUGGING_FACE:
            model, images, expected, stretched = from_hugging_face(folder, kind, said, side)
            features, wrong = exported_to_hugging_face(model, images, stretched)
            scale = max(1.0, float(np.abs(expected).max()))
            tell(f"{kind}, {side} pixels", "hf", np.abs(features - expected).max() / scale, 1e-5, wrong)
        for library, name, arch, side in NETWORKS:
            net = made(library, name, side)
            source = folder / "source.safetensors"
            save_file({key: tensor.contiguous().clone() for key, tensor in net.state_dict().items()}, source)
            twist("import", source, "--out", model, "--force", "--size", side, *(["--arch", arch] if arch else []))
            images = torch.rand(7, 3, side, side)
            with torch.no_grad():
                expected = net(images).numpy()
            scale = max(1.0, float(np.abs(expected).max()))
            for batch in (1, 7):
                for program, features in of_onnx(model, images[:batch]).items():
                    far = np.abs(features - expected[:batch]).max() / scale
                    tell(name, f"{program}, {batch}", far, 1e-4)
            ending = "pth" if library == "torchvision" else "safetensors"
            out = folder / f"library.{ending}"
            twist("export", model, "--to", library, "--out", out, "--force")
            state = torch.load(out, weights_only=True) if ending == "pth" else load_file(out)
            again = made(library, name, side)
            again.load_state_dict(state, strict=True)
            with torch.no_grad():
                tell(name, library, np.abs(again(images).numpy() - expected).max() / scale, 1e-5)
            if "efficientnet" not in name:
                # timm's SigLIP has another approximation of GELU than that of its authors, of Twist and of transformers.
                own = of_onnx(model, images)["onnxruntime"]
                features, wrong = exported_to_hugging_face(model, images)
                tell(name, "hf", np.abs(features - own).max() / scale, 1e-5, wrong)
            if name.startswith("resnet"):
                tell(name, "detectron2", 0.0, 0.0, unlike_detectron2(model))
    if not all(passed):
        raise SystemExit(1)


main()
