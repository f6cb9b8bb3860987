"""A PPO loop in CleanRL's style runs on the batched environment, masks and last observations included."""

import gymnasium as gym
import numpy as np
import torch
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from torch import nn

import imgedit_gym  # noqa: F401
from imgedit_gym.wrappers import VectorActionMaskObservation, VectorJointDiscreteAction

GAMMA, LAMBDA, CLIP = 0.99, 0.95, 0.2


class Agent(nn.Module):
    def __init__(self, observation_space, n_actions):
        super().__init__()
        self.sizes = observation_space["plan_step"].nvec.tolist()
        self.trunk = nn.Sequential(nn.Linear(sum(self.sizes) + 2 + 3 * 64, 64), nn.Tanh())
        self.actor, self.critic = nn.Linear(64, n_actions), nn.Linear(64, 1)

    def forward(self, observation):
        image = observation["image"].permute(0, 3, 1, 2) / 255.0
        codes = [
            nn.functional.one_hot(code, n)
            for code, n in zip(observation["plan_step"].unbind(-1), self.sizes, strict=True)
        ]
        small = nn.functional.adaptive_avg_pool2d(image, 8).flatten(1)
        hidden = self.trunk(torch.cat([*codes, observation["progress"], small], 1))
        logits = self.actor(hidden).masked_fill(observation["action_mask"] == 0, -1e9)
        return torch.distributions.Categorical(logits=logits), self.critic(hidden).squeeze(-1)


def as_tensors(observation, rows=slice(None)):
    return {name: torch.as_tensor(value[rows]) for name, value in observation.items()}


def test_a_few_updates():
    torch.manual_seed(0)
    num_envs, num_steps, updates = 8, 8, 3
    envs = gym.make_vec(
        "ImageEdit-v0", num_envs=num_envs, image_size=64, autoreset_mode="SameStep", max_episode_steps=3
    )
    envs = RecordEpisodeStatistics(VectorActionMaskObservation(VectorJointDiscreteAction(envs)))
    agent = Agent(envs.single_observation_space, int(envs.single_action_space.n))
    before = {name: value.clone() for name, value in agent.state_dict().items()}
    optimizer = torch.optim.Adam(agent.parameters(), lr=1e-3)
    observation, _ = envs.reset(seed=1)
    returns, total, truncations = [], 0.0, 0
    for _ in range(updates):
        kept, actions, logs, values, rewards, dones = [], [], [], [], [], []
        for _ in range(num_steps):
            with torch.no_grad():
                policy, value = agent(as_tensors(observation))
            action = policy.sample()
            kept.append(as_tensors(observation)), actions.append(action)
            logs.append(policy.log_prob(action)), values.append(value)
            assert all(observation["action_mask"][row, chosen] for row, chosen in enumerate(action.tolist()))
            observation, reward, terminated, truncated, infos = envs.step(action.numpy())
            total += float(reward.sum())
            reward = torch.as_tensor(reward, dtype=torch.float32)
            cut = np.flatnonzero(truncated & ~terminated)
            if len(cut):  # the value of what would have followed
                truncations += len(cut)
                with torch.no_grad():
                    reward[cut] += GAMMA * agent(as_tensors(infos["final_obs"], cut))[1]
            if "_episode" in infos:
                returns += infos["episode"]["r"][infos["_episode"]].tolist()
            rewards.append(reward), dones.append(torch.as_tensor(terminated | truncated, dtype=torch.float32))
        with torch.no_grad():
            following = agent(as_tensors(observation))[1]
        advantages, last = [], torch.zeros(num_envs)
        for reward, done, value in zip(reversed(rewards), reversed(dones), reversed(values), strict=True):
            last = reward + GAMMA * following * (1 - done) - value + GAMMA * LAMBDA * (1 - done) * last
            advantages.insert(0, last)
            following = value
        batch = {name: torch.cat([one[name] for one in kept]) for name in kept[0]}
        action, log, value, advantage = (torch.cat(one) for one in (actions, logs, values, advantages))
        for part in torch.randperm(len(action)).split(32):
            policy, predicted = agent({name: one[part] for name, one in batch.items()})
            ratio = (policy.log_prob(action[part]) - log[part]).exp()
            gain = (advantage[part] - advantage[part].mean()) / (advantage[part].std() + 1e-8)
            loss = torch.max(-gain * ratio, -gain * ratio.clamp(1 - CLIP, 1 + CLIP)).mean()
            loss = loss + 0.5 * (predicted - (advantage + value)[part]).square().mean() - 0.01 * policy.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            assert torch.isfinite(loss)
    assert any(not torch.equal(value, before[name]) for name, value in agent.state_dict().items())
    assert truncations > 0 and len(returns) >= num_envs
    assert np.isclose(sum(returns) + envs.episode_returns.sum(), total)  # no reward is lost at an end
