"""Compiles src/kernels/cuda/kernels.cu into the images that the cuda engine loads, and prints what ptxas says of each kernel.

    pip install nvidia-cuda-nvrtc-cu12==12.0.140 nvidia-cuda-nvcc-cu12==12.0.140 brotli
    python scripts/compile-cuda.py

No GPU, driver, nvcc or host compiler is needed. Release 12.0, because what it makes runs on drivers from 525 on; a later
release would ask for a later driver. Written are one image of machine code for each architecture, PTX for cards to come,
and images.json with the hash of the sources, which the tests compare with the sources at hand.
"""

import brotli
import ctypes
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KERNELS = os.path.join(ROOT, "src", "kernels")
IMAGES = os.path.join(KERNELS, "cuda", "images")
NVIDIA = os.path.join(sysconfig.get_paths()["purelib"], "nvidia")
MACHINES = ["75", "80", "90"]  # machine code; each also runs on later minor versions of its major one


def sources():
    return sorted(
        glob.glob(os.path.join(KERNELS, "*", "*.cu")) + glob.glob(os.path.join(KERNELS, "*", "*.cuh")),
        key=lambda path: os.path.relpath(path, KERNELS),
    )


def hash_of_sources():
    digest = hashlib.sha256()
    for path in sources():
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


class Nvrtc:
    def __init__(self):
        [path] = glob.glob(os.path.join(NVIDIA, "cuda_nvrtc", "lib", "libnvrtc.so.*"))
        self.library = ctypes.CDLL(path)

    def call(self, name, *args):
        return getattr(self.library, name)(*args)

    def text(self, program, what):
        size = ctypes.c_size_t()
        self.call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self.call(f"nvrtcGet{what}", program, buffer)
        return buffer.raw.rstrip(b"\0")

    def ptx(self, path, machine):
        with open(path, "rb") as file:
            code = file.read()
        program = ctypes.c_void_p()
        self.call("nvrtcCreateProgram", ctypes.byref(program), code, os.path.basename(path).encode(), 0, None, None)
        flags = [f"--gpu-architecture=compute_{machine}", f"--include-path={os.path.dirname(path)}", "--std=c++17"]
        options = (ctypes.c_char_p * len(flags))(*[flag.encode() for flag in flags])
        if self.call("nvrtcCompileProgram", program, len(flags), options) != 0:
            sys.exit(self.text(program, "ProgramLog").decode())
        return self.text(program, "PTX")


def assemble(ptx_path, image_path, machine):
    """Returns what ptxas reports: for each kernel registers, shared bytes, stack and spills."""
    ptxas = os.path.join(NVIDIA, "cuda_nvcc", "bin", "ptxas")
    command = [ptxas, "-v", f"-arch=sm_{machine}", "-O3", ptx_path, "-o", image_path]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    pattern = (
        r"'(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
        r".*?Used (\d+) registers(?:[^\n]*?(\d+) bytes smem)?"
    )
    report = {}
    for entry in done.stderr.split("Compiling entry function ")[1:]:
        name, stack, stores, loads, registers, shared = re.match(pattern, entry, re.S).groups()
        spills = int(stores) + int(loads)
        report[name] = {"registers": int(registers), "shared": int(shared or 0), "stack": int(stack), "spills": spills}
    return report


def main():
    os.makedirs(IMAGES, exist_ok=True)
    nvrtc = Nvrtc()
    images, report = {}, {}
    with tempfile.TemporaryDirectory() as work:
        for machine in MACHINES:
            ptx_path, image_path = f"{work}/compute_{machine}.ptx", f"{work}/sm_{machine}.cubin"
            with open(ptx_path, "wb") as file:
                file.write(nvrtc.ptx(os.path.join(KERNELS, "cuda", "kernels.cu"), machine))
            report[f"sm_{machine}"] = assemble(ptx_path, image_path, machine)
            for path in [image_path] + ([ptx_path] if machine == MACHINES[-1] else []):
                with open(path, "rb") as file:
                    images[os.path.basename(path) + ".br"] = brotli.compress(file.read())
    for name, image in images.items():
        with open(os.path.join(IMAGES, name), "wb") as file:
            file.write(image)
    with open(os.path.join(IMAGES, "images.json"), "w") as file:
        head = {"compiler": "NVRTC 12.0.140", "sources": hash_of_sources()}
        rows = [f'  {json.dumps({"machine": m, "kernel": k, **used})}' for m, kernels in report.items() for k, used in kernels.items()]
        file.write(json.dumps(head)[:-1] + ', "kernels": [\n' + ",\n".join(rows) + "\n]}\n")
    for machine, kernels in report.items():
        print(machine)
        for name, used in kernels.items():
            print(f"  {name:40} {used['registers']:4} registers {used['shared']:6} B shared {used['stack']:4} B stack {used['spills']:4} B spilled")
    for name, image in images.items():
        print(f"{len(image):8} B  {name}")


main()
