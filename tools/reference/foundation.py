"""Small checkpoints of foundation transformers by the implementations that publish them, with their features.

    pip install timm==1.0.31 transformers==5.24.0 open_clip_torch==3.3.0      # beside what README.md names
    git clone https://github.com/facebookresearch/dinov2 REPOS/dinov2         # likewise dinov3, mae, moco-v3, openai/CLIP
    python tools/reference/foundation.py REPOS tests/reference/foundation --seed 0

Every parameter is drawn at random, with a scale at which each part changes the features: what networks start from (a layer
scale of 1e-5, biases of 0) would hide faults. Weights are stored in float16 and features computed in float64 from them.
"""
import argparse, json, math, sys, types
from pathlib import Path

import torch
from safetensors.torch import save_file

from cases import rule

DIM, DEPTH, HEADS, PATCH, SIDE = 16, 2, 2, 4, 16
SIZE = f"{DIM}x{DEPTH}x{HEADS}"


def randomised(model, seed):
    """Draws all floating-point parameters, rounded to float16; buffers stay."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, v in sorted(model.named_parameters()):
            u = torch.randn(v.shape, generator=generator)
            if name.endswith(("gamma", "lambda1", "gamma_1", "gamma_2")):
                u = 0.5 + 0.2 * u
            elif v.dim() <= 1 and name.endswith("weight"):
                u = 1 + 0.3 * u
            elif v.dim() <= 1:
                u = 0.5 * u
            elif "token" in name or "pos" in name or "class_embedding" in name or "probe" in name or "latent" in name:
                u = 0.7 * u
            else:
                u = u * 1.5 / math.sqrt(v[0].numel())
            v.copy_(u.half())
    return model.eval()


def images(seed, side):
    return 2 * rule(f"image.{seed}.{side}", 2, 3, side, side)


def hub(repos, name):
    sys.path.insert(0, str(repos / name))


def timm_vit(**options):
    from timm.models.vision_transformer import VisionTransformer
    return VisionTransformer(img_size=SIDE, patch_size=PATCH, embed_dim=DIM, depth=DEPTH, num_heads=HEADS, num_classes=0, **options)


def timm_dinov3(**options):
    from timm.models.eva import Eva
    from timm.layers import LayerNorm
    from functools import partial
    return Eva(img_size=SIDE, patch_size=PATCH, embed_dim=DIM, depth=DEPTH, num_heads=HEADS, num_classes=0, init_values=1e-5,
               rope_type="dinov3", rope_temperature=100, use_rot_pos_emb=True, use_abs_pos_emb=False, rope_rotate_half=True,
               num_reg_tokens=4, use_fc_norm=False, global_pool="token", norm_layer=partial(LayerNorm, eps=1e-5), **options)


def dinov2(repos, **options):
    hub(repos, "dinov2")
    from dinov2.models.vision_transformer import DinoVisionTransformer
    from dinov2.layers import NestedTensorBlock, MemEffAttention
    from functools import partial
    return DinoVisionTransformer(img_size=SIDE, patch_size=PATCH, embed_dim=DIM, depth=DEPTH, num_heads=HEADS, init_values=1e-5,
                                 block_chunks=0, block_fn=partial(NestedTensorBlock, attn_class=MemEffAttention), **options)


def dinov3(repos, **options):
    hub(repos, "dinov3")
    from dinov3.models.vision_transformer import DinoVisionTransformer
    model = DinoVisionTransformer(img_size=SIDE, patch_size=PATCH, embed_dim=DIM, depth=DEPTH, num_heads=HEADS,
                                  pos_embed_rope_dtype="fp32", pos_embed_rope_rescale_coords=2, layerscale_init=1e-5,
                                  norm_layer="layernormbf16", n_storage_tokens=4, mask_k_bias=True, **options)
    model.init_weights()
    return model


def official_clip(repos):
    hub(repos, "CLIP")
    sys.modules.setdefault("ftfy", types.ModuleType("ftfy"))
    from clip.model import CLIP, VisionTransformer
    model = CLIP(embed_dim=DIM, image_resolution=SIDE, vision_layers=1, vision_width=64, vision_patch_size=PATCH,
                 context_length=3, vocab_size=5, transformer_width=8, transformer_heads=1, transformer_layers=1)
    model.visual = VisionTransformer(SIDE, PATCH, DIM, DEPTH, HEADS, DIM)  # `CLIP` has 64 channels for each head
    return model


def open_clip_model():
    from open_clip.model import CLIP
    vision = dict(image_size=SIDE, layers=DEPTH, width=DIM, patch_size=PATCH, head_width=DIM // HEADS)
    return CLIP(DIM, vision, dict(context_length=3, vocab_size=5, width=8, heads=1, layers=1))


class Trunk(torch.nn.Module):
    """The image tower of OpenCLIP's SigLIP, which is timm's, under the names that it has there."""
    def __init__(self):
        super().__init__()
        self.visual = torch.nn.Module()
        self.visual.trunk = timm_vit(class_token=False, global_pool="map", act_layer="gelu_tanh")
        self.logit_scale = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.visual.trunk(x)


def mocov3(repos):
    hub(repos, "moco-v3")
    from functools import partial
    import timm.layers
    for name in ("timm.models.layers", "timm.models.layers.helpers"):  # where it was in older versions
        sys.modules[name] = timm.layers
    import vits
    vits.VisionTransformerMoCo.num_tokens = 1
    nets = {}
    for number, name in enumerate(("base_encoder", "momentum_encoder")):
        net = vits.VisionTransformerMoCo(img_size=SIDE, patch_size=PATCH, embed_dim=DIM, depth=DEPTH, num_heads=HEADS,
                                         norm_layer=partial(torch.nn.LayerNorm, eps=1e-6), num_classes=0)
        nets[name] = net
    return torch.nn.ModuleDict({"module": torch.nn.ModuleDict(nets)})


def mae(repos):
    hub(repos, "mae")
    import timm.models.vision_transformer as vision
    block = vision.Block
    vision.Block = lambda *args, qk_scale=None, **options: block(*args, **options)  # an option that timm dropped
    import models_mae
    models_mae.Block = vision.Block
    import numpy
    numpy.float = float
    from functools import partial
    return models_mae.MaskedAutoencoderViT(img_size=SIDE, patch_size=PATCH, embed_dim=DIM, depth=DEPTH, num_heads=HEADS,
                                           decoder_embed_dim=8, decoder_depth=1, decoder_num_heads=1,
                                           norm_layer=partial(torch.nn.LayerNorm, eps=1e-6))


def mae_class_token(model, x):
    """`forward_encoder` without a mask."""
    x = model.patch_embed(x) + model.pos_embed[:, 1:]
    x = torch.cat((model.cls_token.expand(len(x), -1, -1) + model.pos_embed[:, :1], x), 1)
    for block in model.blocks:
        x = block(x)
    return model.norm(x)[:, 0]


def hf(kind, config, **options):
    import transformers
    sizes = dict(hidden_size=DIM, num_hidden_layers=DEPTH, num_attention_heads=HEADS, image_size=SIDE, patch_size=PATCH)
    return getattr(transformers, kind)(getattr(transformers, config)(**(sizes | options)))


def hf_clip():
    import transformers
    vision = dict(hidden_size=DIM, num_hidden_layers=DEPTH, num_attention_heads=HEADS, image_size=SIDE, patch_size=PATCH,
                  intermediate_size=4 * DIM, hidden_act="gelu")
    text = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=5,
                max_position_embeddings=3)
    return transformers.CLIPModel(transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=DIM))


def naflex(model, x):
    """Images as `Siglip2VisionModel` takes them: pixels of patches, with the shape of their grid."""
    grid = x.shape[-1] // PATCH
    pixels = x.permute(0, 2, 3, 1).unflatten(1, (grid, PATCH)).unflatten(3, (grid, PATCH)).permute(0, 1, 3, 2, 4, 5)
    pixels = pixels.reshape(len(x), grid * grid, -1)
    shapes = torch.full((len(x), 2), grid)
    return model(pixel_values=pixels, pixel_attention_mask=torch.ones(pixels.shape[:2], dtype=torch.long),
                 spatial_shapes=shapes).pooler_output


first = lambda model, x: model(x).last_hidden_state[:, 0]
pooler = lambda model, x: model(x).pooler_output
call = lambda model, x: model(x)

# name: (model, features, architecture, sides of images)
CASES = {
    "timm_vit": (lambda r: timm_vit(), call, f"vit_{SIZE}p4_16", [16]),
    "timm_vit_avg": (lambda r: timm_vit(global_pool="avg", fc_norm=True), call, f"vit_{SIZE}p4_16_avg", [16]),
    "mocov3": (mocov3, lambda m, x: m["module"]["base_encoder"](x), f"mocov3_{SIZE}p4_16", [16]),
    "mae": (mae, mae_class_token, f"vit_{SIZE}p4_16", [16]),
    "hf_vit": (lambda r: hf("ViTModel", "ViTConfig", intermediate_size=64, layer_norm_eps=1e-6), first, f"vit_{SIZE}p4_16", [16]),
    "hf_mae": (lambda r: hf("ViTMAEForPreTraining", "ViTMAEConfig", intermediate_size=64, layer_norm_eps=1e-6, mask_ratio=0.0,
                            decoder_hidden_size=8, decoder_num_hidden_layers=1, decoder_num_attention_heads=1,
                            decoder_intermediate_size=8),
               lambda m, x: m.vit(x, noise=torch.arange(16.0).expand(len(x), -1)).last_hidden_state[:, 0], f"vit_{SIZE}p4_16", [16]),
    "dinov2": (lambda r: dinov2(r, interpolate_offset=0.1, interpolate_antialias=False), call, f"dinov2_{SIZE}p4_16", [16, 12, 28]),
    "dinov2_reg": (lambda r: dinov2(r, num_register_tokens=3, interpolate_offset=0.0, interpolate_antialias=True), call,
                   f"dinov2_{SIZE}p4_reg3_16", [16, 12, 28]),
    "dinov2_gated": (lambda r: dinov2(r, ffn_layer="swiglufused"), call, f"dinov2_{SIZE}m48gp4_16", [16]),
    "timm_dinov2": (lambda r: timm_vit(init_values=1e-5), call, f"dinov2_{SIZE}p4_16", [16]),
    "timm_dinov2_reg": (lambda r: timm_vit(init_values=1e-5, reg_tokens=3, no_embed_class=True), call, f"dinov2_{SIZE}p4_reg3_16", [16]),
    "hf_dinov2": (lambda r: hf("Dinov2Model", "Dinov2Config"), pooler, f"dinov2_{SIZE}p4_16", [16]),
    "hf_dinov2_reg": (lambda r: hf("Dinov2WithRegistersModel", "Dinov2WithRegistersConfig", num_register_tokens=3), pooler,
                      f"dinov2_{SIZE}p4_reg3_16", [16]),
    "hf_dinov2_gated": (lambda r: hf("Dinov2Model", "Dinov2Config", use_swiglu_ffn=True), pooler, f"dinov2_{SIZE}m48gp4_16", [16]),
    "dinov3": (dinov3, call, f"dinov3_{SIZE}p4", [16, 12, 28]),
    "dinov3_gated": (lambda r: dinov3(r, ffn_layer="swiglu", ffn_ratio=6), call, f"dinov3_{SIZE}gp4", [16, 20]),
    "timm_dinov3": (lambda r: timm_dinov3(qkv_bias=False, dynamic_img_size=True), call, f"dinov3_{SIZE}p4", [16, 20]),
    "timm_dinov3_qkvb": (lambda r: timm_dinov3(qkv_bias=True), call, f"dinov3_{SIZE}p4", [16]),
    "timm_dinov3_gated": (lambda r: timm_dinov3(qkv_bias=False, swiglu_mlp=True, swiglu_align_to=8, mlp_ratio=4), call,
                          f"dinov3_{SIZE}gp4", [16]),
    "hf_dinov3": (lambda r: hf("DINOv3ViTModel", "DINOv3ViTConfig", intermediate_size=64, num_register_tokens=4), pooler,
                  f"dinov3_{SIZE}p4", [16, 20]),
    "hf_dinov3_gated": (lambda r: hf("DINOv3ViTModel", "DINOv3ViTConfig", intermediate_size=64, num_register_tokens=4,
                                     use_gated_mlp=True, hidden_act="silu"), pooler, f"dinov3_{SIZE}gp4", [16]),
    "clip": (official_clip, lambda m, x: m.float().encode_image(x.float()), f"clip_{SIZE}p4_16", [16]),
    "open_clip": (lambda r: open_clip_model(), lambda m, x: m.encode_image(x), f"openclip_{SIZE}p4_16", [16]),
    "hf_clip": (lambda r: hf_clip(), lambda m, x: m.visual_projection(m.vision_model(x).pooler_output), f"openclip_{SIZE}p4_16", [16]),
    "hf_clip_vision": (lambda r: hf("CLIPVisionModel", "CLIPVisionConfig", intermediate_size=64), pooler, f"clip_{SIZE}p4_16_class", [16]),
    "open_clip_siglip": (lambda r: Trunk(), call, f"siglip2_{SIZE}p4_16", [16]),
    "hf_siglip": (lambda r: hf("SiglipVisionModel", "SiglipVisionConfig", intermediate_size=40), pooler, f"siglip2_{SIZE}m40p4_16", [16]),
    "hf_siglip2": (lambda r: hf("Siglip2VisionModel", "Siglip2VisionConfig", intermediate_size=64, num_patches=16), naflex,
                   f"siglip2_{SIZE}p4_16", [16]),
}

# What the files of a publisher are wrapped in.
WRAPPERS = {"mocov3": "state_dict", "mae": "model"}


def save(model, name, folder):
    """As its publisher does, in float16."""
    if name.startswith("hf_"):
        model.half().save_pretrained(folder / name)
        (folder / name / "model.safetensors").rename(folder / f"{name}.safetensors")
        for file in (folder / name).iterdir():
            file.unlink()
        (folder / name).rmdir()
        return f"{name}.safetensors"
    state = {key: v.half() if v.is_floating_point() else v for key, v in model.state_dict().items()}
    if name.startswith(("timm_", "open_clip")):
        save_file(state, folder / f"{name}.safetensors")
        return f"{name}.safetensors"
    if name == "clip":  # OpenAI's files say these sizes
        state |= dict.fromkeys(("input_resolution", "context_length", "vocab_size"), torch.tensor(SIDE))
    torch.save({WRAPPERS[name]: state} if name in WRAPPERS else state, folder / f"{name}.pth")
    return f"{name}.pth"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    values, cases = {}, {}
    for number, (name, (make, features, arch, sides)) in enumerate(CASES.items()):
        if args.only and name not in args.only:
            continue
        model = randomised(make(args.repos), 1000 * args.seed + number).double()
        with torch.no_grad():
            for side in sides:
                values[f"{name}.{side}"] = features(model, images(args.seed, side).double()).float().contiguous()
        cases[name] = dict(arch=arch, sides=sides, file=save(model, name, args.out))
        print(name, {key: float(v.std()) for key, v in values.items() if key.startswith(name + ".")})
    save_file(values, args.out / "features.safetensors")
    (args.out / "cases.json").write_text(json.dumps(dict(seed=args.seed, cases=cases), indent=1) + "\n")


if __name__ == "__main__":
    main()
