from setuptools import find_packages, setup

setup(
    name="aloe_policy",
    version="0.1.0",
    packages=find_packages(exclude=["test", "test.*"]),
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aloe_policy"]),
        ("share/aloe_policy", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="The ALOE authors",
    maintainer_email="aloe@example.org",
    description="Vision-language-action policies of ALOE: model, training from bags, checkpoints, inference node.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "policy_node = aloe_policy.ros.policy_node:main",
            "ingest = aloe_policy.ros.ingest:main",
            "load = aloe_policy.ros.load:main",
            "train = aloe_policy.ros.train:main",
            "improve = aloe_policy.ros.improve:main",
            "pretrain_encoder = aloe_policy.encoders.pretrain_encoder:main",
        ],
    },
)
