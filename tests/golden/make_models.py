"""Golden values for tests/golden/models.c: logits of known models, with torchvision's names of parameters, in f64.

    python3 make_models.py > models.txt

torchvision is not needed: its models are written down here in short. Parameters, statistics and images are drawn by a generator that
counts, so that only logits need to be kept. For each model: a line "model SPEC", "height H", the names of parameters and then of
running statistics ("names N ..."), and the logits of two images.
"""
import numpy
import torch
from torch import nn
import torch.nn.functional as F

ROWS, CLASSES = 2, 10


def draws(n, stream):
    """Uniform in [-1, 1), of 24 bits: splitmix64 of the index."""
    z = numpy.arange(n, dtype=numpy.uint64) + numpy.uint64(stream << 32) + numpy.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    z = z ^ (z >> numpy.uint64(31))
    return (z >> numpy.uint64(40)).astype(numpy.float64) / 2**23 - 1


def fill(name, p, stream):
    u = torch.from_numpy(draws(p.numel(), stream)).reshape(p.shape)
    if p.dim() > 1:
        u *= (6 / (p.numel() / p.shape[0]))**0.5
    elif name.endswith("running_var") or name.endswith("weight"):
        u = 0.7 + 0.2 * u
    else:
        u *= 0.2
    p.data = u.float().double()


def conv3(before, channels, stride=1):
    return nn.Conv2d(before, channels, 3, stride, 1, bias=False)


class AlexNet(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        relu, pool = nn.ReLU(), nn.MaxPool2d(3, 2)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2), relu, pool, nn.Conv2d(64, 192, 5, 1, 2), relu, pool, nn.Conv2d(192, 384, 3, 1, 1), relu,
            nn.Conv2d(384, 256, 3, 1, 1), relu, nn.Conv2d(256, 256, 3, 1, 1), relu, pool)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(256 * 36, hidden), relu, nn.Dropout(), nn.Linear(hidden, hidden),
                                        relu, nn.Linear(hidden, CLASSES))

    def forward(self, x):
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), 6).flatten(1))


class VGG(nn.Module):
    def __init__(self, convolutions, norm, hidden, side):
        super().__init__()
        features, before, self.side = [], 3, side
        for n, channels in zip(convolutions, (64, 128, 256, 512, 512)):
            for _ in range(n):
                features += [nn.Conv2d(before, channels, 3, 1, 1), *([nn.BatchNorm2d(channels)] if norm else []), nn.ReLU()]
                before = channels
            features.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Linear(512 * side**2, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, hidden),
                                        nn.ReLU(), nn.Dropout(), nn.Linear(hidden, CLASSES))

    def forward(self, x):
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), self.side).flatten(1))


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, before, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = conv3(before, planes, stride), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv3(planes, planes), nn.BatchNorm2d(planes)

    def body(self, x):
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    def forward(self, x):
        return F.relu(self.body(x) + (self.downsample(x) if hasattr(self, "downsample") else x))


class Bottleneck(BasicBlock):
    expansion = 4

    def __init__(self, before, planes, stride):
        nn.Module.__init__(self)
        self.conv1, self.bn1 = nn.Conv2d(before, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv3(planes, planes, stride), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)

    def body(self, x):
        x = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return self.bn3(self.conv3(x))


class ResNet(nn.Module):
    def __init__(self, block, blocks, classes=CLASSES):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        before = 64
        for stage, n in enumerate(blocks):
            layers, planes = [], 64 << stage
            for i in range(n):
                stride, after = 2 if stage and i == 0 else 1, planes * block.expansion
                layers.append(block(before, planes, stride))
                if stride != 1 or before != after:
                    layers[-1].downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
                before = after
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(before, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


class WideBlock(nn.Module):
    def __init__(self, before, planes, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(before), conv3(before, planes, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(planes), conv3(planes, planes)
        if stride != 1 or before != planes:
            self.shortcut = nn.Conv2d(before, planes, 1, stride, bias=False)

    def forward(self, x):
        ready = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(ready))))
        return y + (self.shortcut(ready) if hasattr(self, "shortcut") else x)


class WideResNet(nn.Module):
    def __init__(self, depth, width):
        super().__init__()
        self.conv1, before = conv3(3, 16), 16
        for stage in range(3):
            blocks, planes = [], 16 * width << stage
            for i in range((depth - 4) // 6):
                blocks.append(WideBlock(before, planes, 2 if stage and i == 0 else 1))
                before = planes
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.bn1, self.fc = nn.BatchNorm2d(before), nn.Linear(before, CLASSES)

    def forward(self, x):
        return self.fc(F.relu(self.bn1(self.layer3(self.layer2(self.layer1(self.conv1(x)))))).mean((2, 3)))


def conv_bn_relu6(before, channels, kernel, stride=1, groups=1):
    return nn.Sequential(nn.Conv2d(before, channels, kernel, stride, kernel // 2, groups=groups, bias=False),
                         nn.BatchNorm2d(channels), nn.ReLU6())


class InvertedResidual(nn.Module):
    def __init__(self, before, channels, stride, expand):
        super().__init__()
        inside, self.adds = before * expand, stride == 1 and before == channels
        self.conv = nn.Sequential(*([conv_bn_relu6(before, inside, 1)] if expand > 1 else []),
                                  conv_bn_relu6(inside, inside, 3, stride, inside),
                                  nn.Conv2d(inside, channels, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, width):
        super().__init__()

        def channels(c):
            nearest = max(8, int(c * width + 4) // 8 * 8)
            return nearest + 8 if nearest < 0.9 * c * width else nearest

        before, last = channels(32), int(1280 * max(1, width))
        features = [conv_bn_relu6(3, before, 3, 2)]
        for t, c, n, s in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
            for i in range(n):
                features.append(InvertedResidual(before, channels(c), 1 if i else s, t))
                before = channels(c)
        self.features = nn.Sequential(*features, conv_bn_relu6(before, last, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, CLASSES))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


MODELS = [
    ("alexnet:num_classes=10,hidden=40", 67, lambda: AlexNet(40)),
    ("vgg11:num_classes=10,hidden=30,avgpool=2", 64, lambda: VGG((1, 1, 2, 2, 2), False, 30, 2)),
    ("vgg13_bn:num_classes=10,hidden=20,avgpool=1", 32, lambda: VGG((2, 2, 2, 2, 2), True, 20, 1)),
    ("resnet18:10", 40, lambda: ResNet(BasicBlock, (2, 2, 2, 2))),
    ("resnet50:10", 40, lambda: ResNet(Bottleneck, (3, 4, 6, 3))),
    ("wide_resnet:depth=16,width=2", 16, lambda: WideResNet(16, 2)),
    ("mobilenet_v2:num_classes=10,width_mult=0.35", 40, lambda: MobileNetV2(0.35)),
]


def state(net):
    """Parameters, then running statistics."""
    return [*net.named_parameters(), *((n, b) for n, b in net.named_buffers() if "num_batches" not in n)]


if __name__ == "__main__":
    for spec, side, make in MODELS:
        net = make().double().eval()
        for i, (name, p) in enumerate(state(net)):
            fill(name, p, i + 1)
        x = torch.from_numpy(draws(ROWS * 3 * side * side, 0)).reshape(ROWS, 3, side, side)
        with torch.no_grad():
            logits = net(x)
        print("model", spec)
        print("height", side)
        print("names", len(state(net)), *(name for name, _ in state(net)))
        print(*(f"{v:.9g}" for v in logits.flatten().tolist()))
