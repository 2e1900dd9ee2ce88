// The least that needs torch's C++ symbols and its Python binding.
#include <torch/extension.h>

static at::Tensor twice(const at::Tensor& value) { return value.mul(2); }

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) { module.def("twice", &twice); }
