// A worker that runs the formula of Caffe's PReLU layer on the CPU (BVLC/caffe, src/caffe/layers/prelu_layer.cpp), in place:
// the same loops in the same order, written anew. It is not Caffe, whose other parts are left out.
//
//     forward:   keep a copy of x;  y[i] = max(x[i], 0) + a[c] min(x[i], 0),  c = i / dim % channels
//     backward:  da[c] += g[i] x[i] (x[i] <= 0);  then  dx[i] = g[i] ((x[i] > 0) + a[c] (x[i] <= 0))
//
// The protocol is in docs/peers.md. One thread, as there.

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../protocol/worker.hpp"

namespace {

using peers::Values;

// Of Caffe's integers: counts are of type int.
struct Shape {
    int count = 1, channels = 1, dim = 1;

    explicit Shape(const std::vector<long> &sizes) {
        if (sizes.size() < 2) throw std::runtime_error("a shape of 2 axes or more is accepted");
        for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
            count *= static_cast<int>(sizes[axis]);
            if (axis > 1) dim *= static_cast<int>(sizes[axis]);
        }
        channels = static_cast<int>(sizes[1]);
    }
};

struct Layer {
    Values data, memory, diff;
};

void forward(const Shape &shape, const Values &slopes, Layer &layer) {
    float *data = layer.data.data();
    std::memcpy(layer.memory.data(), data, shape.count * sizeof(float));
    for (int i = 0; i < shape.count; ++i) {
        const int c = (i / shape.dim) % shape.channels;
        data[i] = std::max(data[i], 0.0f) + slopes[c] * std::min(data[i], 0.0f);
    }
}

void backward(const Shape &shape, const Values &slopes, Layer &layer, Values &slope_diff) {
    const float *x = layer.memory.data();
    float *diff = layer.diff.data();
    for (int i = 0; i < shape.count; ++i) {
        const int c = (i / shape.dim) % shape.channels;
        slope_diff[c] += diff[i] * x[i] * (x[i] <= 0);
    }
    for (int i = 0; i < shape.count; ++i) {
        const int c = (i / shape.dim) % shape.channels;
        diff[i] = diff[i] * ((x[i] > 0) + slopes[c] * (x[i] <= 0));
    }
}

// Equal layers, one after the other.
class Opened {
public:
    Opened(std::size_t repeat, const std::vector<long> &sizes)
        : shape_(sizes), source_(peers::read("x.f32")), upstream_(peers::read("g.f32")),
          slopes_(peers::read("slopes.f32")), slope_diff_(slopes_.size()) {
        if (source_.size() != static_cast<std::size_t>(shape_.count)) throw std::runtime_error("x.f32 has another size");
        layers_.assign(repeat, {source_, source_, upstream_});
    }

    // Seconds of forward through all layers and of backward through them in reverse.
    std::pair<double, double> sample() {
        double ahead = 0, back = 0;
        forward(shape_, slopes_, layers_.front());
        for (Layer &layer : layers_) {
            layer.data = source_;
            ahead += timed([&] { forward(shape_, slopes_, layer); });
        }
        for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
            layer->diff = upstream_;
            slope_diff_.assign(slope_diff_.size(), 0.0f);
            back += timed([&] { backward(shape_, slopes_, *layer, slope_diff_); });
        }
        return {ahead, back};
    }

    void write_to(const std::string &prefix) const {
        const Layer &first = layers_.front();
        peers::write(prefix + ".y.f32", first.data.data(), first.data.size());
        peers::write(prefix + ".dx.f32", first.diff.data(), first.diff.size());
        peers::write(prefix + ".da.f32", slope_diff_.data(), slope_diff_.size());
    }

private:
    template <typename Work>
    static double timed(const Work &work) {
        const auto start = std::chrono::steady_clock::now();
        work();
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }

    Shape shape_;
    Values source_, upstream_, slopes_, slope_diff_;
    std::vector<Layer> layers_;
};

}  // namespace

int main(int count, char **arguments) {
    if (count != 2 || std::string(arguments[1]) != "in-place") {
        std::cerr << "worker: one argument, in-place\n";
        return 2;
    }
    peers::serve<Opened>("", [](std::size_t repeat, const std::vector<long> &shape) { return Opened(repeat, shape); });
}
