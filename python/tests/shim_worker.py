"""The package's CUDA side on the project's driver for CPUs (crates/cuda-shim), against its CPU side.

Loads whatever `libcuda.so` the loader finds, so that LD_LIBRARY_PATH chooses it. Memory is the driver's, given to the loops by
address, as PyTorch's would be.
"""

import ctypes

import numpy as np

from prelu_mem import _native


class Driver:
    """The few calls that hand out memory."""

    def __init__(self):
        self.library = ctypes.CDLL("libcuda.so")
        self.call("cuInit", 0)
        device, context, name = ctypes.c_int(), ctypes.c_void_p(), ctypes.create_string_buffer(100)
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuDeviceGetName", name, 100, device)
        self.name = name.value.decode()
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxSetCurrent", context)

    def call(self, name, *arguments):
        status = getattr(self.library, name)(*arguments)
        assert status == 0, f"{name}: {status}"

    def allocate(self, size):
        address = ctypes.c_uint64()
        self.call("cuMemAllocAsync", ctypes.byref(address), ctypes.c_size_t(max(size, 1)), None)
        return address.value

    def upload(self, array):
        address = self.allocate(array.nbytes)
        self.call(
            "cuMemcpyHtoDAsync_v2", ctypes.c_uint64(address), ctypes.c_void_p(array.ctypes.data),
            ctypes.c_size_t(array.nbytes), None,
        )  # fmt: skip
        self.call("cuStreamSynchronize", None)
        return address

    def download(self, address, array):
        self.call(
            "cuMemcpyDtoHAsync_v2", ctypes.c_void_p(array.ctypes.data), ctypes.c_uint64(address),
            ctypes.c_size_t(array.nbytes), None,
        )  # fmt: skip
        self.call("cuStreamSynchronize", None)


def step(plan, x, grad, slopes, place):
    """Output, input gradient, slope gradient and the saved state, by a plan whose memory `place` hands out."""
    words, sums = np.zeros(plan.saved_bytes + 64, dtype=np.uint8), np.zeros(slopes.size)
    words = words[-words.ctypes.data % 64 :][: plan.saved_bytes]
    arrays = [x.copy(), grad.copy(), words, sums]
    at = [place.upload(array) for array in arrays]
    plan.forward(at[0], (at[2], words.nbytes), 1)
    plan.backward(at[1], at[0] if plan.needs_output else None, (at[2], words.nbytes), at[3], 1)
    for address, array in zip(at, arrays, strict=True):
        place.download(address, array)
    return arrays


class Host:
    """The process's own memory."""

    def upload(self, array):
        return array.ctypes.data

    def download(self, address, array):
        assert address == array.ctypes.data


def main():
    driver = Driver()
    assert "shim" in driver.name.lower(), f"made for the shim, found {driver.name}"
    random = np.random.default_rng(0)
    count = 0
    for shape in ((3, 5), (2, 5, 7, 7), (2, 5, 33, 31)):
        x = random.standard_normal(shape, dtype=np.float32)
        grad = random.standard_normal(shape, dtype=np.float32)
        slopes = np.float32([0.3, -0.7, 0.0, 1.5, 0.089])
        strides = [stride // 4 for stride in x.strides]
        for strategy in _native.strategies():
            arguments = (strategy, "f32", shape, strides, 1, False, True, (slopes.ctypes.data, slopes.size))
            on_cpu, on_device = _native.plan(*arguments), _native.plan(*arguments, (0, 0))
            assert on_cpu.saved_bytes == on_device.saved_bytes
            expected = step(on_cpu, x, grad, slopes, Host())
            found = step(on_device, x, grad, slopes, driver)
            for index in (0, 1, 2):
                np.testing.assert_array_equal(found[index].view(np.uint8), expected[index].view(np.uint8))
            np.testing.assert_allclose(found[3], expected[3], rtol=1e-12)
            count += 1
    print(f"{count} steps on {driver.name}: same")


if __name__ == "__main__":
    main()
