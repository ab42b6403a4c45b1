// What every worker in C++ shares: tensors as files, and the loop that answers requests (docs/peers.md).

#pragma once

#include <cstddef>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace peers {

using Values = std::vector<float>;

inline Values read(const std::string &file) {
    std::ifstream in(file, std::ios::binary | std::ios::ate);
    if (!in) throw std::runtime_error("cannot read " + file);
    Values values(static_cast<std::size_t>(in.tellg()) / sizeof(float));
    in.seekg(0);
    in.read(reinterpret_cast<char *>(values.data()), values.size() * sizeof(float));
    if (!in) throw std::runtime_error("cannot read " + file);
    return values;
}

inline void write(const std::string &file, const float *values, std::size_t count) {
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char *>(values), count * sizeof(float));
    out.flush();
    if (!out) throw std::runtime_error("cannot write " + file);
}

// `Opened` is equal layers, made by `open(repeat, shape)`; it has `sample()` and `write_to(prefix)`.
template <typename Opened, typename Open>
std::string answer(const std::string &line, const Open &open, std::vector<Opened> &opened) {
    std::istringstream words(line);
    std::string request;
    words >> request;
    if (request == "open") {
        std::size_t repeat = 0;
        words >> repeat;
        const std::vector<long> shape{std::istream_iterator<long>(words), {}};
        opened.clear();
        opened.push_back(open(repeat, shape));
        return "ok";
    }
    if (request == "close") {
        opened.clear();
        return "ok";
    }
    if (opened.empty()) throw std::runtime_error("nothing is open, or no such request: " + line);
    if (request == "sample") {
        const auto [forward, backward] = opened.front().sample();
        std::ostringstream times;
        times.precision(9);
        times << "times " << forward << ' ' << backward;
        return times.str();
    }
    if (request == "write") {
        std::string prefix;
        words >> prefix;
        opened.front().write_to(prefix);
        return "ok";
    }
    throw std::runtime_error("no such request: " + line);
}

// Answers until standard input ends.
template <typename Opened, typename Open>
void serve(const std::string &version, const Open &open) {
    std::cout << "ready " << version << std::endl;
    std::vector<Opened> opened;
    for (std::string line; std::getline(std::cin, line);) {
        try {
            std::cout << answer(line, open, opened) << std::endl;
        } catch (const std::exception &error) {
            std::cout << "error " << error.what() << std::endl;
        }
    }
}

}  // namespace peers
