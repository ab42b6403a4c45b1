// A worker that runs oneDNN's PReLU. Arguments: "in-place" (y over x: the input that backward needs is
// gone) or "legal" (y beside x). Backward overwrites the upstream gradient in both. The protocol is in
// docs/peers.md; the number of threads is OpenMP's, from the environment.

#include <chrono>
#include <cstring>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include <dnnl.hpp>

#include "../protocol/worker.hpp"

namespace {

using dnnl::memory;
using peers::Values;
using peers::read;
using peers::write;
using Arguments = std::unordered_map<int, memory>;

memory::format_tag plain(std::size_t axes) {
    switch (axes) {
    case 2: return memory::format_tag::ab;
    case 3: return memory::format_tag::abc;
    case 4: return memory::format_tag::abcd;
    case 5: return memory::format_tag::abcde;
    default: throw std::runtime_error(std::to_string(axes) + " axes, where 2 to 5 are accepted");
    }
}

float *values_of(const memory &tensor) { return static_cast<float *>(tensor.get_data_handle()); }

// Equal layers, one after the other.
class Opened {
public:
    Opened(const dnnl::engine &engine, bool in_place, std::size_t repeat, const memory::dims &shape)
        : stream_(engine), source_(read("x.f32")), upstream_(read("g.f32")) {
        const auto format = plain(shape.size());
        memory::dims per_channel(shape.size(), 1);
        per_channel.at(1) = shape.at(1);
        const memory::desc data(shape, memory::data_type::f32, format);
        const memory::desc slope(per_channel, memory::data_type::f32, format);
        if (data.get_size() != source_.size() * sizeof(float)) throw std::runtime_error("x.f32 has another size");

        const dnnl::prelu_forward::primitive_desc forward(
            {dnnl::prop_kind::forward_training, data, slope}, engine);
        const dnnl::prelu_backward::primitive_desc backward({data, slope, data, slope}, engine, forward);
        forward_ = dnnl::prelu_forward(forward);
        backward_ = dnnl::prelu_backward(backward);
        implementations_ = std::string(forward.impl_info_str()) + " " + backward.impl_info_str();

        slopes_ = memory(slope, engine);
        slope_gradient_ = memory(slope, engine);
        const Values slopes = read("slopes.f32");
        std::memcpy(values_of(slopes_), slopes.data(), slopes.size() * sizeof(float));
        channels_ = slopes.size();
        for (std::size_t layer = 0; layer < repeat; ++layer) {
            memory x(data, engine);
            inputs_.push_back(x);
            outputs_.push_back(in_place ? x : memory(data, engine));
            gradients_.emplace_back(data, engine);
        }
    }

    // Seconds of forward through all layers and of backward through them in reverse.
    std::pair<double, double> sample() {
        double forward = 0, backward = 0;
        timed(forward_, arguments_of_forward(0));  // wakes the threads
        for (std::size_t layer = 0; layer < inputs_.size(); ++layer) {
            refill(inputs_[layer], source_);
            forward += timed(forward_, arguments_of_forward(layer));
        }
        for (std::size_t layer = inputs_.size(); layer-- > 0;) {
            refill(gradients_[layer], upstream_);
            backward += timed(backward_, {{DNNL_ARG_SRC, inputs_[layer]},
                                          {DNNL_ARG_WEIGHTS, slopes_},
                                          {DNNL_ARG_DIFF_DST, gradients_[layer]},
                                          {DNNL_ARG_DIFF_SRC, gradients_[layer]},
                                          {DNNL_ARG_DIFF_WEIGHTS, slope_gradient_}});
        }
        return {forward, backward};
    }

    void write_to(const std::string &prefix) const {
        write(prefix + ".y.f32", values_of(outputs_[0]), source_.size());
        write(prefix + ".dx.f32", values_of(gradients_[0]), source_.size());
        write(prefix + ".da.f32", values_of(slope_gradient_), channels_);
    }

    const std::string &implementations() const { return implementations_; }

private:
    static void refill(memory &tensor, const Values &values) {
        std::memcpy(values_of(tensor), values.data(), values.size() * sizeof(float));
    }

    Arguments arguments_of_forward(std::size_t layer) const {
        return {{DNNL_ARG_SRC, inputs_[layer]}, {DNNL_ARG_WEIGHTS, slopes_}, {DNNL_ARG_DST, outputs_[layer]}};
    }

    double timed(dnnl::primitive &primitive, const Arguments &arguments) {
        const auto start = std::chrono::steady_clock::now();
        primitive.execute(stream_, arguments);
        stream_.wait();
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }

    dnnl::stream stream_;
    Values source_, upstream_;
    dnnl::prelu_forward forward_;
    dnnl::prelu_backward backward_;
    std::string implementations_;
    memory slopes_, slope_gradient_;
    std::size_t channels_ = 0;
    std::vector<memory> inputs_, outputs_, gradients_;
};

}  // namespace

int main(int count, char **arguments) {
    const std::string mode = count == 2 ? arguments[1] : "";
    if (mode != "in-place" && mode != "legal") {
        std::cerr << "worker: one argument, in-place or legal\n";
        return 2;
    }
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    const dnnl_version_t *known = dnnl_version();
    std::ostringstream version;
    version << known->major << '.' << known->minor << '.' << known->patch;
    peers::serve<Opened>(version.str(), [&](std::size_t repeat, const std::vector<long> &shape) {
        Opened opened(engine, mode == "in-place", repeat, memory::dims(shape.begin(), shape.end()));
        std::cerr << opened.implementations() << '\n';
        return opened;
    });
}
