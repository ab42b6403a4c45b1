"""IResNet-50 as ArcFace describes it: batch normalisation before and after each convolution, PReLU between the two."""

from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.prelu = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(outputs)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        identity = x if self.shortcut is None else self.shortcut(x)
        x = self.prelu(self.norm2(self.conv1(self.norm1(x))))
        return self.norm3(self.conv2(x)) + identity


def iresnet50(size=112, features=512):
    """For images of ``size`` x ``size`` pixels, a multiple of 16."""
    layers = [nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64)]
    inputs = 64
    for outputs, blocks in ((64, 3), (128, 4), (256, 14), (512, 3)):
        for block in range(blocks):
            layers.append(Block(inputs, outputs, 2 if block == 0 else 1))
            inputs = outputs
    layers += [nn.BatchNorm2d(512), nn.Flatten(), nn.Linear(512 * (size // 16) ** 2, features), nn.BatchNorm1d(features)]
    model = nn.Sequential(*layers)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0, 0.1)
    return model


#: Repeats and shape without the batch of every kind of PReLU layer in IResNet-50.
LAYERS = [
    (2, (64, 112, 112)), (2, (64, 56, 56)), (1, (128, 56, 56)), (3, (128, 28, 28)), (1, (256, 28, 28)),
    (13, (256, 14, 14)), (1, (512, 14, 14)), (2, (512, 7, 7)),
]  # fmt: skip
