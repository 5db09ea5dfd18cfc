from setuptools import find_packages, setup

setup(
    name="aloe_critic",
    version="0.1.0",
    packages=find_packages(exclude=["test", "test.*"]),
    package_data={"aloe_critic": ["timeline.html"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aloe_critic"]),
        ("share/aloe_critic", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="The ALOE authors",
    maintainer_email="aloe@example.org",
    description="The critic of ALOE: an ensemble that says which action chunk was good, its training and its health.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "critic_node = aloe_critic.ros.critic_node:main",
            "guided_policy_node = aloe_critic.ros.guided_policy_node:main",
            "learner_node = aloe_critic.ros.learner_node:main",
            "plot = aloe_critic.ros.plot:main",
            "train_critic = aloe_critic.ros.train_critic:main",
            "weigh = aloe_critic.ros.weigh:main",
        ],
    },
)
