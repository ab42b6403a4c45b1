// The kernels that were compiled in.
#pragma once

#include <vector>

#include "shim.hpp"

namespace shim {

const std::vector<Registered>& registered();

}  // namespace shim
