"""Makes test/golden/vision: a CLIP of a few thousand random weights as ONNX, pictures, and the vectors that PyTorch gives.

    python -m venv venv && venv/bin/pip install torch transformers onnx onnxscript pillow
    venv/bin/python scripts/goldens/clip.py
"""

import json
import os
import shutil
from pathlib import Path

import onnx
import torch
from PIL import Image
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)

out = Path(__file__).parent.parent.parent / "test/golden/vision"
shutil.rmtree(out, ignore_errors=True)
(out / "tiny-clip/onnx").mkdir(parents=True)
torch.manual_seed(1)
torch.set_default_dtype(torch.float32)

# Byte-level BPE without a merge, and two that show that merges count.
byte_names = [chr(c) for c in [*range(33, 127), *range(161, 173), *range(174, 256)]]
byte_names += [chr(256 + n) for n in range(256 - len(byte_names))]
names = byte_names + [name + "</w>" for name in byte_names] + ["fo", "fox</w>", "<|startoftext|>", "<|endoftext|>"]
vocab = {name: i for i, name in enumerate(names)}
(out / "vocab.json").write_text(json.dumps(vocab))
(out / "merges.txt").write_text("#version: 0.2\nf o\nfo x</w>\n")
tokenizer = CLIPTokenizer(vocab=vocab, merges=[("f", "o"), ("fo", "x</w>")], model_max_length=16)
tokenizer.save_pretrained(out / "tiny-clip")
os.remove(out / "vocab.json")
os.remove(out / "merges.txt")

layers = dict(hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2)
config = CLIPConfig(
    text_config=dict(
        **layers,
        vocab_size=len(names),
        max_position_embeddings=16,
        projection_dim=6,
        bos_token_id=vocab["<|startoftext|>"],
        eos_token_id=vocab["<|endoftext|>"],
        pad_token_id=vocab["<|endoftext|>"],
    ),
    vision_config=dict(**layers, image_size=32, patch_size=8, projection_dim=6),
    projection_dim=6,
)
config.text_config._attn_implementation = config.vision_config._attn_implementation = "eager"
model = CLIPModel(config).eval()
for weight in model.parameters():
    torch.nn.init.normal_(weight, std=0.5)
config.save_pretrained(out / "tiny-clip")
processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
processor.save_pretrained(out / "tiny-clip")


class Vision(torch.nn.Module):
    def forward(self, pixel_values):
        return model.visual_projection(model.vision_model(pixel_values=pixel_values).pooler_output)


class Text(torch.nn.Module):
    def forward(self, input_ids, attention_mask):
        hidden = model.text_model(input_ids=input_ids, attention_mask=attention_mask)
        return model.text_projection(hidden.pooler_output)


batch = torch.export.Dim("batch", min=1, max=4096)
length = torch.export.Dim("length", min=2, max=16)


def export(module, inputs, names, result, shapes, name):
    torch.onnx.export(
        module, inputs, out / f"tiny-clip/onnx/{name}.onnx", input_names=names, output_names=[result],
        dynamic_shapes=shapes, dynamo=True, external_data=False,
    )  # fmt: skip
    path = out / f"tiny-clip/onnx/{name}.onnx"
    exported = onnx.load(path)
    for part in [*exported.graph.node, *exported.graph.value_info, *exported.graph.input, *exported.graph.output]:
        part.ClearField("metadata_props")  # where each came from: most of the file
        part.ClearField("doc_string")
    exported.graph.ClearField("value_info")
    onnx.save(exported, path)


ids = torch.tensor([[vocab["<|startoftext|>"], 5, 6, vocab["<|endoftext|>"]]] * 2)
export(Vision(), (torch.rand(2, 3, 32, 32),), ["pixel_values"], "image_embeds", {"pixel_values": {0: batch}}, "vision_model")
export(
    Text(), (ids, torch.ones_like(ids)), ["input_ids", "attention_mask"], "text_embeds",
    {"input_ids": {0: batch, 1: length}, "attention_mask": {0: batch, 1: length}}, "text_model",
)  # fmt: skip

unit = lambda rows: (rows / rows.norm(dim=-1, keepdim=True)).tolist()
pictures = {}
for name, size in {"square": (32, 32), "tall": (32, 40), "large": (90, 70)}.items():
    image = Image.new("RGB", size)
    image.putdata([((x * 7 + y * 3) % 256, (y * 6) % 256, (x * x + 40) % 256) for y in range(size[1]) for x in range(size[0])])
    image.save(out / f"{name}.png")
    pictures[name] = unit(model.visual_projection(model.vision_model(pixel_values=processor(image, return_tensors="pt").pixel_values).pooler_output))[0]
texts = ["a red fox", "A castle by a lake, at dawn, in the style of an old and rather long photograph", "é"]
words = {}
for text in texts:
    tokens = tokenizer([text], padding=True, truncation=True, return_tensors="pt")
    words[text] = unit(Text()(tokens.input_ids, tokens.attention_mask))[0]
(out / "expected.json").write_text(json.dumps({"images": pictures, "texts": words}, indent=1) + "\n")
